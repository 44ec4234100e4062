import { execFileSync } from 'node:child_process';
import { ProcessHost } from './host.js';

/**
 * Runs a program that has a process for every connection: signals that stop, continue or kill it reach all of them, as
 * they would on a machine that stops or dies.
 */
export class ProcessTreeHost extends ProcessHost {
  override async signal(signal: NodeJS.Signals): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT' && signal !== 'SIGKILL') return super.signal(signal);
    // First the parent, which makes no more of them then.
    if (signal !== 'SIGCONT') process.kill(pid, 'SIGSTOP');
    for (const child of childrenOf(pid)) {
      try {
        process.kill(child, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ended by itself meanwhile
      }
    }
    process.kill(pid, signal);
  }
}

function childrenOf(pid: number): number[] {
  const table = execFileSync('ps', ['-e', '-o', 'pid=,ppid=']).toString().trim().split('\n');
  return table
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child);
}
