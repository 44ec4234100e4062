import { openSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/*
 * The ledger: a process that no fault hits, with the only clock that counts. Others send it lines; each line is
 * stamped, is in the file, and only then is acknowledged, so that what a handler waited for outlives its process.
 */

const [socketPath, filePath] = process.argv.slice(2) as [string, string];
const file = openSync(filePath, 'a');

function now(): string {
  return (performance.timeOrigin + performance.now()).toFixed(3);
}

/** The first line is the name of the writer; a last line without its end was cut off, and is none. */
function serve(socket: Socket): void {
  let by: string | undefined;
  let rest = '';
  const take = (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    by ??= lines.shift();
    if (lines.length === 0) return;
    const at = now();
    writeSync(file, lines.map((line) => `${at} ${by} ${line}\n`).join(''));
    socket.write(`${lines.length} ${at}\n`);
  };
  socket
    .setEncoding('utf8')
    .on('data', take)
    // A killed writer; 'close' follows.
    .on('error', () => undefined)
    .on('close', () => by !== undefined && writeSync(file, `${now()} ${by} - gone\n`));
}

// Whoever started this process has gone, so nobody will end it.
process.once('disconnect', () => process.exit(0));
createServer(serve).listen(socketPath, () => process.send!('ready'));
