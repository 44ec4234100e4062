import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One jar of Maven Central, with all that it needs. */
export interface MavenArtifact {
  readonly groupId: string;
  readonly artifactId: string;
  readonly version: string;
}

/** A registry that fails once is asked again. */
const ATTEMPTS = 3;

/** How long a test may wait for jars that this machine does not have yet, in milliseconds: for `beforeAll`. */
export const JARS_TIMEOUT_MS = 300_000;

const run = promisify(execFile);

/**
 * The folder with an artifact and everything it needs at run time, for `java -cp 'folder/*'`. Maven fetches them once;
 * they stay in a cache outside the repository.
 *
 * @throws when Maven cannot get them in three attempts, with what it wrote.
 */
export async function mavenJars(artifact: MavenArtifact): Promise<string> {
  const { groupId, artifactId, version } = artifact;
  const cache = join(
    process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    'nestjs-durable-events',
    'jars',
  );
  const folder = join(cache, `${groupId}.${artifactId}-${version}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchInto(folder, artifact, cache);
      return folder;
    } catch (cause) {
      if (attempt < ATTEMPTS) continue;
      const { message, stdout = '' } = cause as Error & { stdout?: string };
      throw new Error(`Maven could not fetch ${groupId}:${artifactId}:${version}: ${message}\n${stdout}`, {
        cause,
      });
    }
  }
}

async function fetchInto(folder: string, artifact: MavenArtifact, cache: string): Promise<void> {
  const work = mkdtempSync(join(cache, '.fetching-'));
  try {
    writeFileSync(join(work, 'pom.xml'), projectOf(artifact));
    const args = [
      // Maven's usual repository is not made for several processes at once, and test files run side by side.
      `-Dmaven.repo.local=${join(work, 'repository')}`,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(work, 'jars')}`,
    ];
    await run('mvn', ['-B', '-q', '-f', work, ...args], { timeout: JARS_TIMEOUT_MS / ATTEMPTS });
    putInPlace(join(work, 'jars'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** In one step, so that nobody sees half of the jars. Another process may have been faster. */
function putInPlace(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

/** A project whose only purpose is what it depends on. */
function projectOf({ groupId, artifactId, version }: MavenArtifact): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>${groupId}</groupId>
      <artifactId>${artifactId}</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
}
