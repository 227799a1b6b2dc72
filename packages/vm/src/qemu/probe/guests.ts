import type { Architecture } from '@orlop/core';

/** A program of a few hundred bytes that stands where firmware or kernel would, and speaks on the serial port. */
export interface ProbeGuest {
  /** How QEMU is given the program. */
  readonly option: '-bios' | '-kernel';
  readonly machine: string;
  /** Arguments by which the guest can end QEMU. */
  readonly exitArguments: readonly string[];
  readonly exitStatus: number;
  /** The letters that it says, and what each proves, in order; an optional one depends on the processor. */
  readonly steps: readonly { readonly letter: string; readonly proves: string; readonly optional?: true }[];
  readonly image: Uint8Array;
}

/** Size of a ROM whose last 16 bytes are the first that an amd64 processor runs. */
const ROM_BYTES = 0x10000;
const ROM_CODE_OFFSET = 0xfe00;
const ROM_RESET_OFFSET = 0xfff0;

/** Assembled from guest-amd64.s. */
const amd64Code = bytes(
  'fabaf803b052ee662e0f0116a8ff0f20c00c010f22c066ea1efeffff080066b810008ed88ec08ed066baf803b050eebf0000' +
    '010031c0b900140000f3abc7050000010003100100c7050010010003200100c7051810010003400100c70500200100830000' +
    '00c705f84f01008300e0ffc705b84f01009300e0feb8000001000f22d80f20e00d200600000f22e0b9800000c00f320d0001' +
    '00000f300f20c00d0200008083e0fb0f22c0eaaffeffff1800bc0000020066baf803b04cee4889e066480f6ec0660fd4c066' +
    '480f7ec348d1eb4839c30f859700000066baf803b053eeb80700000031c90fa20fbae308731bb904000000b803000000c4e2' +
    '71f7d083fa30756d66baf803b042ee488d0562000000bf00320100668907c747021800008e48c1e81066894706c747080000' +
    '00000f011d79000000bf0000e0fec787f0000000ff010000c7875003000000070000b011e620b020e621b004e621b001e621' +
    'b0fee621b034e643b0a9e640b004e640fbf4ebfd66baf803b054eeb00aee66baf400b010eeebea8d74000000000000000000' +
    'ffff0000009bcf00ffff00000093cf00ffff0000009baf001f0088ffffffff0f003001',
);
const amd64Reset = bytes('e90dfe');

/** Assembled from guest-arm64.s. */
const arm64Code = bytes(
  '0120a1d2600a8052200000b942e03bd543e03bd57f0002ebc0ffff54800a8052200000b940018052200000b9000180520080' +
    'b072020000d47f2003d5ffffff17',
);

/** Assembled from guest-riscv64.s. */
const riscv64Code = bytes(
  'b70200101303300523806200f32310c0732e10c0e38ec3ff13034005238062001303a00023806200b7021000375300001b03' +
    '535523a06200730050106ff0dfff',
);

export const probeGuests: Readonly<Record<Architecture, ProbeGuest>> = {
  amd64: {
    option: '-bios',
    machine: 'q35',
    exitArguments: ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
    exitStatus: 33,
    steps: [
      { letter: 'R', proves: '16-bit real mode' },
      { letter: 'P', proves: '32-bit protected mode' },
      { letter: 'L', proves: '64-bit mode with paging' },
      { letter: 'S', proves: 'SSE2 in the kernel' },
      { letter: 'B', proves: 'BMI2 in the kernel', optional: true },
      { letter: 'T', proves: 'the timer interrupt' },
    ],
    image: romImage(),
  },
  arm64: {
    option: '-kernel',
    machine: 'virt,gic-version=max',
    exitArguments: [],
    exitStatus: 0,
    steps: [
      { letter: 'S', proves: '64-bit code' },
      { letter: 'T', proves: 'the generic timer' },
    ],
    image: arm64Code,
  },
  riscv64: {
    option: '-bios',
    machine: 'virt',
    exitArguments: [],
    exitStatus: 0,
    steps: [
      { letter: 'S', proves: '64-bit code' },
      { letter: 'T', proves: 'the time counter' },
    ],
    image: riscv64Code,
  },
};

function romImage(): Uint8Array {
  const rom = new Uint8Array(ROM_BYTES);
  rom.set(amd64Code, ROM_CODE_OFFSET);
  rom.set(amd64Reset, ROM_RESET_OFFSET);
  return rom;
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
