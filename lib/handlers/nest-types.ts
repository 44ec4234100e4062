import type { ModulesContainer } from '@nestjs/core';

/** Nest keeps these two classes to itself; the container's type has them all the same. */
export type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;
export type InstanceWrapper = NestModule['providers'] extends Map<unknown, infer W> ? W : never;
