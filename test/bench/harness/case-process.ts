import { tables } from '../tables/index.js';
import type { CaseAnswer, CaseRequest } from './fresh-process.js';

async function answer({ table, case: key, input }: CaseRequest): Promise<CaseAnswer> {
  try {
    const found = tables.find(({ id }) => id === table)?.cases.find((each) => each.key === key);
    if (found === undefined) throw new Error(`There is no case '${table}/${key}'.`);
    return { sample: await found.run(input) };
  } catch (error) {
    return { error: (error as Error).stack ?? String(error) };
  }
}

// Whoever wanted to know is gone.
process.once('disconnect', () => process.exit(1));

const request = JSON.parse(process.argv[2]!) as CaseRequest;
// What a case left open must not keep the process alive: all that it measured is in the answer.
process.send!(await answer(request), () => process.exit(0));
