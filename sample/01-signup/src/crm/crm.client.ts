import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../settings.js';
import { Journal } from '../storage/journal.js';

interface Contact {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** The CRM will never take this contact: asking again is no use. */
export class ContactRefused extends Error {}

const REFUSED_DOMAIN = '@refused.example';

/** Stands for a service on the network: it takes its time, is down now and then, and has rules of its own. */
@Injectable()
export class CrmClient implements OnModuleInit {
  readonly #contacts: Journal<Contact>;

  constructor(private readonly settings: Settings) {
    this.#contacts = new Journal(join(settings.dataDir, 'crm.jsonl'));
  }

  async onModuleInit(): Promise<void> {
    await this.#contacts.open();
  }

  /** @throws {ContactRefused} for an address at `refused.example`; an `Error` when the CRM is down. */
  async addContact(contact: Contact, signal: AbortSignal): Promise<void> {
    await setTimeout(this.settings.crmLatencyMs, undefined, { signal });
    if (contact.email.endsWith(REFUSED_DOMAIN)) throw new ContactRefused(`The CRM refuses ${contact.email}.`);
    if (Math.random() < this.settings.crmFailureRate)
      throw new Error('The CRM answered 503 Service Unavailable.');
    await this.#contacts.append(contact);
  }

  /** Contacts by sign-up id. */
  async contacts(): Promise<ReadonlyMap<string, Contact>> {
    return this.#contacts.entries();
  }
}
