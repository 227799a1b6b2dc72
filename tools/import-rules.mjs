/**
 * Who may import whom (ARCHITECTURE.md holds the reasons). `pure` packages import nothing of Node outside
 * their tests, so that they also run in a browser and in QuickJS.
 */
export const packages = {
  core: { pure: true, imports: [] },
  wire: { pure: true, imports: ['core'] },
  netstack: { pure: true, imports: ['core', 'wire'] },
  vnet: { pure: false, imports: ['core', 'wire', 'netstack'] },
  archive: { pure: true, imports: ['core'] },
  disk: { pure: true, imports: ['core'] },
  oci: { pure: false, imports: ['core', 'archive'] },
  debian: { pure: false, imports: ['core', 'archive', 'oci'] },
  kit: { pure: false, imports: ['core', 'archive', 'disk', 'oci', 'debian'] },
  vm: { pure: false, imports: ['core', 'archive'] },
  api: { pure: true, imports: ['core'] },
  engine: { pure: false, imports: ['core', 'api', 'oci', 'kit', 'vm', 'vnet'] },
  cli: { pure: false, imports: ['core', 'api', 'oci', 'debian', 'kit', 'vm', 'vnet', 'engine'] },
  testkit: { pure: false, imports: ['core'] },
};
