/** The commands about what nodes boot. */
import { type Command, command } from './command.ts';

export const LAYER0: readonly Command[] = [
  command(
    'layer0 build',
    '',
    'make the small Linux that nodes boot: kernel, initramfs, iPXE',
    async () => (await import('./layer0-build.ts')).build,
    {
      options: [
        ['--out <dir>', 'where they are written: ROOT/amd64 of the pxe service'],
        ['--kernel <file>', 'a kernel, or none: an initramfs without modules (that of --modules; the newest in /boot)'],
        ['--modules <place>', 'its lib/modules/VERSION, or the .deb of a kernel, which then gives the kernel too'],
        ['--busybox <file>', 'a static busybox (that of the Debian package busybox-static)'],
        ['--node <file>', 'Node.js (the one that runs this)'],
        ['--add-module <names>', 'kernel modules beside those of network cards; loaded at every boot'],
        ['--plugin <names>', 'modules of Kraken that run on the node, each as a service of its name'],
        ['--compress <compression>', 'zstd, gzip or none (zstd)'],
        ['--level <number>', 'zstd: 1 to 19 (19), gzip: 1 to 9 (9); 3 is quick'],
      ],
      examples: [
        'kraken layer0 build --out /srv/kraken/amd64',
        'kraken layer0 build --out /srv/kraken/amd64 --modules linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb --level 3',
        'kraken layer0 build --out box --kernel none --plugin simulator',
      ],
    },
  ),
  command(
    'layer0 inspect',
    '<file>',
    'what is in an initramfs: parts, sizes, versions',
    async () => (await import('./layer0-inspect.ts')).inspect,
    { options: [['--json', 'as -o json']], examples: ['kraken layer0 inspect /srv/kraken/amd64/initramfs'] },
  ),
];
