import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/**
 * Reads single files out of a zip archive (a jar is one): no zip64, no encryption, which jars do not use.
 *
 * Layout, from the end: the end record tells where the central directory is; each of its entries has the name, the sizes
 * and where the file's local header is; the data follows that header.
 */
const END_RECORD = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * @param {Buffer} zip
 * @returns {Generator<{ name: string, method: number, compressed: number, size: number, header: number }>}
 */
function* entries(zip) {
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_RECORD) end -= 1;
  if (end < 0) throw new Error('not a zip archive: it has no end record');
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (zip.readUInt32LE(at) !== CENTRAL_ENTRY) throw new Error('the central directory is damaged');
    const nameLength = zip.readUInt16LE(at + 28);
    yield {
      name: zip.toString('utf8', at + 46, at + 46 + nameLength),
      method: zip.readUInt16LE(at + 10),
      compressed: zip.readUInt32LE(at + 20),
      size: zip.readUInt32LE(at + 24),
      header: zip.readUInt32LE(at + 42),
    };
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

/**
 * @param {string} path
 * @param {string} name of the file in the archive
 * @returns {Buffer | undefined} undefined when the archive has no such file
 */
export function readZipEntry(path, name) {
  const zip = readFileSync(path);
  for (const entry of entries(zip)) {
    if (entry.name !== name) continue;
    const start =
      entry.header + 30 + zip.readUInt16LE(entry.header + 26) + zip.readUInt16LE(entry.header + 28);
    const data = zip.subarray(start, start + entry.compressed);
    if (entry.method !== STORED && entry.method !== DEFLATED)
      throw new Error(`${name} is compressed by an unknown method (${entry.method})`);
    const content = entry.method === STORED ? Buffer.from(data) : inflateRawSync(data);
    if (content.length !== entry.size) throw new Error(`${name} in ${path} is damaged`);
    return content;
  }
  return undefined;
}
