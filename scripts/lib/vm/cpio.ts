/** A member of an archive; folders come before what is in them. */
export type Entry =
  | { readonly path: string; readonly folder: true }
  | { readonly path: string; readonly content: Uint8Array; readonly mode?: number };

const FILE = 0o100000;
const FOLDER = 0o040000;

/**
 * Writes a cpio archive in the "newc" format, which the kernel unpacks as initramfs (Documentation/
 * driver-api/early-userspace/buffer-format.rst). Archives may follow each other in one file.
 */
export function cpio(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  let inode = 0;
  const add = (path: string, mode: number, content: Uint8Array): void => {
    inode += 1;
    const name = Buffer.from(`${path}\0`);
    const links = mode & FOLDER ? 2 : 1;
    const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(content));
  };
  for (const entry of entries) {
    if ('folder' in entry) add(entry.path, FOLDER | 0o755, new Uint8Array());
    else add(entry.path, FILE | (entry.mode ?? 0o644), entry.content);
  }
  add('TRAILER!!!', 0, new Uint8Array());
  return Buffer.concat(parts);
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}
