/** Large files, written in slices so that neither the event loop nor the journal's syncs are held up. */
import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { pacer } from './pace.ts';

const WRITE_EVERY = 512 * 1024;
/** One large sync at the end would hold up the journal's small ones. */
const SYNC_EVERY = 4 * 1024 * 1024;

/** Frames are pulled as they are written (undefined: nothing yet, time to give way); `end` is asked for when all are. The file has its name only when it is whole and durable. */
export async function writeFrames(
  disk: Disk,
  path: string,
  head: Buffer,
  frames: Iterable<Buffer | undefined>,
  end: (count: number) => Promise<Buffer>,
): Promise<number> {
  const part = `${path}.tmp`;
  disk.remove(part);
  const file = disk.open(part, 'create');
  let bytes: number;
  try {
    bytes = await writeAll(file, head, frames, end);
  } catch (error) {
    await file.close();
    disk.remove(part);
    throw error;
  }
  await file.close();
  disk.rename(part, path);
  await disk.syncDir(dirname(path));
  return bytes;
}

async function writeAll(
  file: DiskFile,
  head: Buffer,
  frames: Iterable<Buffer | undefined>,
  end: (count: number) => Promise<Buffer>,
): Promise<number> {
  const pause = pacer();
  let slice: Buffer[] = [];
  let sliceBytes = 0;
  let bytes = 0;
  let synced = 0;
  let count = 0;
  const add = (frame: Buffer) => {
    slice.push(frame);
    sliceBytes += frame.length;
  };
  const put = async () => {
    await file.write(slice);
    bytes += sliceBytes;
    slice = [];
    sliceBytes = 0;
    if (bytes - synced < SYNC_EVERY) return;
    await file.sync();
    synced = bytes;
  };
  add(head);
  for (const frame of frames) {
    if (frame) {
      add(frame);
      count += 1;
    }
    if (sliceBytes >= WRITE_EVERY) await put();
    await pause();
  }
  add(await end(count));
  await put();
  await file.sync();
  return bytes;
}
