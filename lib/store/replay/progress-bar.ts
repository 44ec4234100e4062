import type { ReplayProgress } from './replay-progress.js';

const WIDTH = 30;
const LINE_MS = 5000;
const UNDER_WAY: ReadonlySet<string> = new Set(['starting', 'running', 'paused']);

/** Shows progress: one line that is written over in a terminal, lines of their own elsewhere. */
export function progressBar(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number },
): (progress: ReplayProgress) => void {
  let linedAt = -Infinity;
  return (progress) => {
    const over = !UNDER_WAY.has(progress.state);
    if (stream.isTTY === true) {
      const line = `${barOf(progress)} ${describe(progress)}`.slice(0, (stream.columns ?? 80) - 1);
      stream.write(`\r\u001B[2K${line}${over ? '\n' : ''}`);
      return;
    }
    const now = performance.now();
    if (!over && now - linedAt < LINE_MS) return;
    linedAt = now;
    stream.write(`${describe(progress)}\n`);
  };
}

function barOf({ done, total }: ReplayProgress): string {
  const part = total === undefined ? 0 : total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(part * WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}]`;
}

function describe({ name, state, done, total, rate, remainingMs }: ReplayProgress): string {
  const percent =
    total === undefined || total === 0 ? '' : ` ${Math.floor((100 * Math.min(done, total)) / total)} %`;
  const of = total === undefined ? '' : ` of ${total}`;
  const left = remainingMs === undefined || !UNDER_WAY.has(state) ? '' : `, ${duration(remainingMs)} left`;
  const what = name === undefined ? 'replay' : `replay '${name}'`;
  return `${what} ${state}${percent}: ${done}${of} events, ${Math.round(rate)}/s${left}`;
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
