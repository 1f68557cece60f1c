import type { ContentGateway, ContentRecord } from './gateway.js';
import type { Call, SdkClient } from './twilio-gateway.js';

const PAGE_SIZE = 500;
/** An account holds at most 6,000 approved templates; four times that is a fault, not a listing. */
const MAX_PAGES = 48;

type ContentCreateRequest = Parameters<SdkClient['content']['v1']['contents']['create']>[0];

/** Templates. The provider can't search by exact name, so `find` reads the account's whole list. */
export function createContentGateway(call: Call): ContentGateway {
  return {
    find: (account, friendlyName) =>
      call(account, 'content', async (client) => {
        let found: ContentRecord | null = null;
        let page = await client.content.v1.contents.page({ pageSize: PAGE_SIZE });
        for (let pages = 1; ; pages += 1) {
          for (const instance of page.instances) {
            if (instance.friendlyName !== friendlyName) continue;
            const record = contentRecord(instance);
            if (!found || isOlder(record, found)) found = record;
          }
          if (page.nextPageUrl === undefined) return found;
          if (pages >= MAX_PAGES) throw new RangeError(`more than ${MAX_PAGES * PAGE_SIZE} templates`);
          page = await client.content.v1.contents.getPage(page.nextPageUrl);
        }
      }),

    create: async (account, definition) => {
      const made = await call(account, 'content', (client) =>
        client.content.v1.contents.create({
          friendly_name: definition.friendlyName,
          language: definition.language,
          ...(definition.variables && { variables: definition.variables }),
          types: definition.types,
          // the SDK sends this object as it stands: its own types name fields that the provider does not read
        } as unknown as ContentCreateRequest),
      );
      return made.ok ? { ok: true, value: contentRecord(made.value) } : made;
    },

    fetch: async (account, sid) => {
      const read = await call(account, 'content', (client) => client.content.v1.contents(sid).fetch());
      if (read.ok) return { ok: true, value: contentRecord(read.value) };
      return read.outcome.httpStatus === 404 ? { ok: true, value: null } : read;
    },
  };
}

/** Equal times are told apart by SID, so that every process picks the same one. */
function isOlder(a: ContentRecord, b: ContentRecord): boolean {
  const difference = a.dateCreated.getTime() - b.dateCreated.getTime();
  return difference < 0 || (difference === 0 && a.sid < b.sid);
}

function contentRecord(instance: {
  readonly sid: string;
  readonly friendlyName: string;
  readonly language: string;
  readonly dateCreated: Date;
}): ContentRecord {
  return {
    sid: instance.sid,
    friendlyName: instance.friendlyName,
    language: instance.language,
    dateCreated: instance.dateCreated,
  };
}
