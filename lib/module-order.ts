import type { Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/**
 * Moves all modules of a class to a place in the order of lifecycle hooks. Nest runs the hooks of start-up from the
 * highest distance to the lowest, and those of shutdown the other way round. Where Nest should one day have no such
 * property, its own order stays: EventsModule first in the imports then starts early, and nothing else changes.
 */
export function placeModules(modules: ModulesContainer, moduleClass: Type, distance: number): void {
  for (const module of modules.values()) {
    if (module.metatype === moduleClass && typeof module.distance === 'number') module.distance = distance;
  }
}
