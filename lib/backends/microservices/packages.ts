import { EventConfigurationError } from '../../errors.js';
import type { Carrier } from './carrier.js';
import { USER } from './options.js';

/**
 * Nest ends the process where the package of a transport is missing, so it is looked for before.
 *
 * @throws {EventConfigurationError} naming what to install.
 */
export async function requirePackages({ name, packages }: Carrier): Promise<void> {
  for (const alternatives of packages) {
    const found = await Promise.all(alternatives.map(isInstalled));
    if (found.includes(true)) continue;
    const [newest] = alternatives;
    throw new EventConfigurationError(
      `${USER} needs the package ${newest} for ${name}. Install it: npm install ${newest}`,
    );
  }
}

async function isInstalled(name: string): Promise<boolean> {
  try {
    await import(name);
    return true;
  } catch {
    return false;
  }
}
