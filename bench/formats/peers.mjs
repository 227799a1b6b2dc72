/** The best public tool for each format, as shell words over the same input. `size` is of our own image. */
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
