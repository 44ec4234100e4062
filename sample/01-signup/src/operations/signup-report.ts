import { Injectable } from '@nestjs/common';
import { Analytics } from '../analytics/analytics.js';
import { CrmClient } from '../crm/crm.client.js';
import { Accounts } from '../signup/accounts.js';
import { Outbox } from '../welcome/outbox.js';

const LATEST = 50;

/** What became of the sign-ups, from the files that the handlers wrote. */
@Injectable()
export class SignupReport {
  constructor(
    private readonly accounts: Accounts,
    private readonly outbox: Outbox,
    private readonly analytics: Analytics,
    private readonly crm: CrmClient,
  ) {}

  /** Totals, and the latest 50 one by one. */
  async make() {
    const [accounts, mails, counted, contacts] = await Promise.all([
      this.accounts.list(),
      this.outbox.names(),
      this.analytics.counted(),
      this.crm.contacts(),
    ]);
    return {
      accounts: accounts.length,
      mails: mails.size,
      analytics: { total: counted.size, byDomain: totals([...counted.values()].map(({ domain }) => domain)) },
      crmContacts: contacts.size,
      latest: accounts.slice(0, LATEST).map(({ id, username, createdAt }) => ({
        id,
        username,
        createdAt,
        mail: mails.has(username),
        counted: counted.has(id),
        inCrm: contacts.has(id),
      })),
    };
  }
}

function totals(names: readonly string[]): Record<string, number> {
  const totals = new Map<string, number>();
  for (const name of names) totals.set(name, (totals.get(name) ?? 0) + 1);
  return Object.fromEntries(totals);
}
