/** What takes longer than somebody who changes a line should wait for: `.ci/run` does all of it, and so does `KRAKEN_LONG=1 npm test`. */
export const LONG = process.env['KRAKEN_LONG'] === '1';

/** Left out unless they are long tests' turn, or asked for by name: packing, installing and compiling take a minute of a processor. */
export const isLong = (file: string): boolean => file.startsWith('test/package/');
