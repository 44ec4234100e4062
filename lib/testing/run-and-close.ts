/** Runs a case and clears away what it made, also when it fails: then the first failure is the one to tell. */
export async function runAndClose<R extends { close(): Promise<void> }>(
  rig: R,
  run: (rig: R) => Promise<void>,
): Promise<void> {
  try {
    await run(rig);
  } catch (error) {
    await rig.close().catch(() => undefined);
    throw error;
  }
  await rig.close();
}
