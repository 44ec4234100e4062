import { expect, it } from '@jest/globals';
import { toEml } from '../../sample/01-signup/src/welcome/eml.js';

const mail = {
  from: { name: 'Sample', address: 'welcome@example.org' },
  to: { name: 'Ada "the first" Lovelace', address: 'ada@example.org' },
  subject: 'Welcome',
  date: new Date('2026-03-04T05:06:07.890Z'),
  messageId: '1@example.org',
  text: 'Hello\nyou',
};

it('writes a message with the headers that RFC 5322 wants', () => {
  expect(toEml(mail).split('\r\n')).toEqual([
    'From: "Sample" <welcome@example.org>',
    'To: "Ada \\"the first\\" Lovelace" <ada@example.org>',
    'Subject: Welcome',
    'Date: Wed, 04 Mar 2026 05:06:07 +0000',
    'Message-ID: <1@example.org>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Hello',
    'you',
    '',
  ]);
});

it('puts other scripts into encoded words, none of them too long or cut within a character', () => {
  const name = 'Софья Васильевна Ковалевская 🎓🎓🎓🎓🎓🎓🎓🎓🎓🎓';
  const eml = toEml({ ...mail, to: { name, address: 'sofja@example.org' } });
  const [header = ''] = /^To: .*(?:\r\n .*)*/m.exec(eml) ?? [];
  const words = [...header.matchAll(/=\?utf-8\?B\?([^?]+)\?=/g)];
  expect(words.length).toBeGreaterThan(1);
  expect(Math.max(...words.map(([word]) => word.length))).toBeLessThanOrEqual(75);
  expect(
    words
      .map(([, base64]) => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64!, 'base64')))
      .join(''),
  ).toBe(name);
});
