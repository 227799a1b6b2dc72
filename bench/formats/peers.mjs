/**
 * The best public tool for each format, as shell words over the same input; `work` is a folder for what is needed on the
 * way, `size` that of our own image.
 */
export const fileSystemPeers = {
  squashfs: {
    mksquashfs: ({ tree, out }) =>
      `mksquashfs ${tree} ${out} -comp gzip -processors 2 -noappend -no-progress -quiet`,
  },
  ext4: {
    'mke2fs -d': ({ tree, out, size }) => `mke2fs -q -t ext4 -F -d ${tree} ${out} ${size >> 10n}k`,
  },
  erofs: { 'mkfs.erofs': ({ tree, out }) => `mkfs.erofs --quiet ${out} ${tree}` },
  iso: {
    xorriso: ({ tree, out }) => `xorriso -as mkisofs -quiet -R -J -o ${out} ${tree}`,
    genisoimage: ({ tree, out }) => `genisoimage -quiet -R -J -o ${out} ${tree}`,
  },
  fat: {
    'mkfs.fat, mcopy': ({ tree, out, size }) =>
      `truncate -s ${size} ${out} && mkfs.fat ${out} && mcopy -s -i ${out} ${tree}/share ${tree}/lib ${tree}/usr ::/`,
  },
};

const convert = (options) => ({
  'qemu-img convert': ({ disk, out }) => `qemu-img convert -f raw ${options} ${disk} ${out}`,
});

export const containerPeers = {
  qcow2: convert('-O qcow2'),
  'qcow2-compressed': convert('-c -O qcow2'),
  vdi: convert('-O vdi'),
  vhd: convert('-O vpc -o subformat=fixed'),
  'dynamic-vhd': convert('-O vpc -o subformat=dynamic'),
  vhdx: convert('-O vhdx -o subformat=dynamic'),
  'vmdk-sparse': convert('-O vmdk -o subformat=monolithicSparse'),
  vmdk: convert('-O vmdk -o subformat=streamOptimized'),
};

const tar = {
  'GNU tar': ({ tree, out }) => `tar --sort=name --format=posix -cf ${out} -C ${tree} .`,
};
const initrd = ({ tree }, out) =>
  `(cd ${tree} && find . | LC_ALL=C sort | cpio -o -H newc --quiet) | zstd -q -T2 > ${out}`;
const squashfs = ({ tree }, out) => fileSystemPeers.squashfs.mksquashfs({ tree, out });
/** A partition of FAT that holds the initrd, behind an MBR, on a disk of `size`. */
const disk = ({ tree, work, size }, out) =>
  [
    initrd({ tree }, `${work}/initrd.img`),
    `truncate -s ${size} ${out}`,
    `mkfs.fat --offset=2048 ${out} $(((${size} >> 10) - 1024)) >/dev/null`,
    `mcopy -i ${out}@@1M ${work}/initrd.img ::/`,
    `echo '2048,,c,*' | sfdisk -q ${out}`,
  ].join(' && ');
const isoOf =
  (make, name) =>
  ({ tree, work, out }) =>
    `${make({ tree }, `${work}/${name}`)} && genisoimage -quiet -R -J -o ${out} ${work}`;

/** The other rows of the table. What they have beside the root is no more than a few kB, there as here. */
export const rowPeers = {
  tar,
  docker: tar,
  'kernel+initrd': { 'cpio, zstd': ({ tree, out }) => initrd({ tree }, out) },
  'tar-kernel-initrd': {
    'cpio, zstd, tar': ({ tree, work, out }) =>
      `${initrd({ tree }, `${work}/initrd.img`)} && tar -cf ${out} -C ${work} initrd.img`,
  },
  uki: {
    'cpio, zstd, cat': ({ tree, work, out }) =>
      `${initrd({ tree }, `${work}/initrd.img`)} && cat ${work}/initrd.img > ${out}`,
  },
  oci: {
    'cpio, zstd, sha256sum, tar': ({ tree, work, out }) =>
      `${initrd({ tree }, `${work}/initrd.img`)} && sha256sum ${work}/initrd.img && tar -cf ${out} -C ${work} initrd.img`,
  },
  'iso-bios': { 'mksquashfs, genisoimage': isoOf(squashfs, 'root.squashfs') },
  'iso-efi': { 'mksquashfs, genisoimage': isoOf(squashfs, 'root.squashfs') },
  'iso-efi-initrd': { 'cpio, zstd, genisoimage': isoOf(initrd, 'initrd.img') },
  'raw-bios': { 'cpio, zstd, mkfs.fat, mcopy': (peer) => disk(peer, peer.out) },
  'raw-efi': { 'cpio, zstd, mkfs.fat, mcopy': (peer) => disk(peer, peer.out) },
  aws: { 'cpio, zstd, mkfs.fat, mcopy': (peer) => disk(peer, peer.out) },
  gcp: {
    'the same disk, tar, pigz': ({ tree, work, out, diskBytes }) =>
      `${disk({ tree, work, size: diskBytes }, `${work}/disk.raw`)} && tar --format=oldgnu -Scf - -C ${work} disk.raw | pigz -p 2 > ${out}`,
  },
  ova: {
    'the same disk, qemu-img, sha256sum, tar': ({ tree, work, out, diskBytes }) =>
      [
        disk({ tree, work, size: diskBytes }, `${work}/disk.raw`),
        `qemu-img convert -f raw -O vmdk -o subformat=streamOptimized ${work}/disk.raw ${work}/disk.vmdk`,
        `sha256sum ${work}/disk.vmdk`,
        `tar -cf ${out} -C ${work} disk.vmdk`,
      ].join(' && '),
  },
};
