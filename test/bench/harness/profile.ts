import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CaseRequest, type Launch, runFresh } from './fresh-process.js';

const SHOWN = 25;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
}

/**
 * Runs one case under the profiler.
 *
 * @returns The files, for the developer tools of a browser or editor, and where most time went, as text.
 */
export async function profile(request: CaseRequest, launch: Launch): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-durable-events-profile-'));
  await runFresh(request, { ...launch, nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`] });
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) => `${path}\n${hottest(JSON.parse(readFileSync(path, 'utf8')) as CpuProfile)}`)
    .join('\n\n');
}

const IDLE = '(idle)';

/** Functions by the part of the samples that met them running, among those that met anything running. */
function hottest({ nodes, samples }: CpuProfile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, describeFrame(callFrame)]));
  const hits = new Map<string, number>();
  for (const id of samples) {
    const name = names.get(id)!;
    hits.set(name, (hits.get(name) ?? 0) + 1);
  }
  const busy = samples.length - (hits.get(IDLE) ?? 0);
  hits.delete(IDLE);
  return [...hits]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, count]) => `${((count / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
    .join('\n');
}

function describeFrame({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const place = url === '' ? '' : `  ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`;
  return `${functionName || '(anonymous)'}${place}`;
}
