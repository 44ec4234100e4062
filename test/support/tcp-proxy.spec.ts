import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { freePort } from './free-port.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';
import { waitFor } from './wait-for.js';

let echo: Server;
let proxy: TcpProxy;

beforeEach(async () => {
  const port = await freePort();
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  await once(echo.listen(port, '127.0.0.1'), 'listening');
  proxy = await startTcpProxy(port);
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});

/** A client that remembers what it heard. */
async function client(): Promise<{ socket: Socket; heard: () => string; error: () => string | undefined }> {
  let heard = '';
  let error: string | undefined;
  const socket = connect(proxy.port, '127.0.0.1')
    .on('data', (chunk) => (heard += chunk.toString()))
    .on('error', (problem: NodeJS.ErrnoException) => (error = problem.code));
  await once(socket, 'connect');
  return { socket, heard: () => heard, error: () => error };
}

it('forwards both ways, and the end of a connection', async () => {
  const { socket, heard } = await client();
  socket.end('x'.repeat(1_000_000));
  await once(socket, 'close');
  expect(heard()).toHaveLength(1_000_000);
  await waitFor(() => proxy.connections === 0, { message: 'the proxy to forget the connection' });
});

it('cuts open connections and takes new ones', async () => {
  const first = await client();
  await waitFor(() => proxy.connections === 1);
  proxy.cut();
  await waitFor(first.error, { message: 'the reset' });
  expect(first.error()).toBe('ECONNRESET');
  const second = await client();
  second.socket.write('hello');
  await waitFor(() => second.heard() === 'hello');
});

it('swallows everything as a half-open network does, and delivers it once it heals', async () => {
  const open = await client();
  open.socket.write('a');
  await waitFor(() => open.heard() === 'a');
  proxy.blackhole();
  open.socket.write('b');
  const late = await client();
  late.socket.write('c');
  await expect(waitFor(() => open.heard() !== 'a' || late.heard(), { timeoutMs: 100 })).rejects.toThrow(
    'in vain',
  );
  expect([open.error(), late.error()]).toEqual([undefined, undefined]);
  await proxy.resume();
  await waitFor(() => open.heard() === 'ab' && late.heard() === 'c', { message: 'the bytes held back' });
});

it('hides a server that died until the network heals', async () => {
  const accepted = once(echo, 'connection') as Promise<[Socket]>;
  const { socket, error } = await client();
  const [serverSide] = await accepted;
  proxy.blackhole();
  serverSide.resetAndDestroy();
  socket.write('a');
  await expect(waitFor(error, { timeoutMs: 100 })).rejects.toThrow('in vain');
  await proxy.resume();
  await waitFor(error, { message: 'the reset' });
});

it('refuses connections until it resumes, on the same port', async () => {
  const { error } = await client();
  await proxy.refuse();
  await waitFor(error);
  await expect(client()).rejects.toThrow('ECONNREFUSED');
  await proxy.resume();
  const again = await client();
  again.socket.write('hello');
  await waitFor(() => again.heard() === 'hello');
});

it('strands open connections for good, and serves new ones', async () => {
  const stranded = await client();
  stranded.socket.write('a');
  await waitFor(() => stranded.heard() === 'a');
  proxy.strand();
  stranded.socket.write('b');
  const next = await client();
  next.socket.write('c');
  await waitFor(() => next.heard() === 'c');
  await proxy.resume();
  next.socket.write('d');
  await waitFor(() => next.heard() === 'cd');
  expect([stranded.heard(), stranded.error()]).toEqual(['a', undefined]);
});

it('loses what the server says, while what clients say arrives', async () => {
  const accepted = once(echo, 'connection') as Promise<[Socket]>;
  const { socket, heard } = await client();
  const [serverSide] = await accepted;
  let arrived = '';
  serverSide.on('data', (chunk: Buffer) => (arrived += chunk.toString()));
  socket.write('a');
  await waitFor(() => heard() === 'a');
  proxy.loseAnswers();
  socket.write('b');
  await waitFor(() => arrived === 'ab');
  const next = await client();
  next.socket.write('c');
  await waitFor(() => next.heard() === 'c');
  expect(heard()).toBe('a');
});
