import { createRequire } from 'node:module';
import { expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';

/** Set by each project of jest.config.mjs. */
declare const NEST_MAJOR: number;

@Injectable()
class Greeter {
  greet(): string {
    return 'hello';
  }
}

@Controller()
class GreetingController {
  constructor(private readonly greeter: Greeter) {}

  @Get()
  read(): string {
    return this.greeter.greet();
  }
}

@Module({ providers: [Greeter], controllers: [GreetingController] })
class GreetingModule {}

const require = createRequire(import.meta.url);

it.each(['common', 'core', 'platform-express'])('loads @nestjs/%s of the major under test', (name) => {
  const { version } = require(`@nestjs/${name}/package.json`) as { version: string };
  expect(version.split('.')[0]).toBe(String(NEST_MAJOR));
});

it('injects by constructor types, so decorator metadata is emitted', async () => {
  const module = await Test.createTestingModule({ imports: [GreetingModule] }).compile();
  expect(module.get(GreetingController).read()).toBe('hello');
  await module.close();
});

it('serves HTTP on a free loopback port', async () => {
  const app = await NestFactory.create(GreetingModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const response = await fetch(await app.getUrl());
  expect(await response.text()).toBe('hello');
  await app.close();
});
