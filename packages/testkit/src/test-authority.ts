import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths of files in PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  /** Key and certificate in one file. */
  readonly both: string;
}

/** A certificate authority that lives as long as a test: nothing of it is kept, and nobody trusts it who was not told to. */
export interface TestAuthority {
  readonly directory: string;
  /** Path of its own certificate, in PEM. */
  readonly ca: string;
  /** A certificate for that DNS name only. */
  issue(dnsName: string): Promise<TestCertificate>;
  remove(): void;
}

/** Made by OpenSSL's command line; `server` processes of other users can read its files. */
export async function testAuthority(): Promise<TestAuthority> {
  const directory = mkdtempSync(join(tmpdir(), 'mersal-authority-'));
  chmodSync(directory, 0o755);
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory, timeout: 30_000 });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = (name: string): string[] => ['-subj', `/CN=${name}`];
  await openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    ...subject('test authority'),
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  return {
    directory,
    ca: path('ca.pem'),
    async issue(dnsName) {
      await openssl(
        'req',
        ...key,
        ...subject(dnsName),
        '-keyout',
        `${dnsName}.key`,
        '-out',
        `${dnsName}.csr`,
      );
      writeFileSync(path(`${dnsName}.ext`), `subjectAltName=DNS:${dnsName}\n`);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'];
      const out = ['-days', '2', '-extfile', `${dnsName}.ext`, '-out', `${dnsName}.pem`];
      await openssl('x509', '-req', '-in', `${dnsName}.csr`, ...signer, ...out);
      const made = {
        cert: path(`${dnsName}.pem`),
        key: path(`${dnsName}.key`),
        both: path(`${dnsName}.both.pem`),
      };
      writeFileSync(made.both, readFileSync(made.key, 'utf8') + readFileSync(made.cert, 'utf8'));
      return made;
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
