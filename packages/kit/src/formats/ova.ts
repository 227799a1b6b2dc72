import { createHash } from 'node:crypto';
import { type ArchiveEntry, bytesBody, type EntryStream } from '@orlop/archive';
import { archiveMember } from './archive-member.ts';
import { hashContent } from './content-hash.ts';

export interface OvaParts {
  readonly name: string;
  /** Name of the disk's file in the appliance. */
  readonly diskFile: string;
  /** Capacity of the disk. */
  readonly diskBytes: number;
  readonly vmdkBytes: number;
  /** May be asked for twice: for the digest, and for the content. */
  readonly readVmdk: () => AsyncIterable<Uint8Array>;
}

/** The members of an OVA in the order that DSP0243 (OVF 1.1) §5.3 asks for: description, digests, disk. */
export async function* ovaMembers(parts: OvaParts): EntryStream {
  const description = new TextEncoder().encode(describe(parts));
  const descriptionFile = `${parts.name}.ovf`;
  const disk = await hashContent(parts.readVmdk());
  const digests = [
    `SHA256(${descriptionFile})= ${createHash('sha256').update(description).digest('hex')}`,
    `SHA256(${parts.diskFile})= ${disk.digest('hex')}`,
    '',
  ].join('\n');
  yield text(descriptionFile, description);
  yield text(`${parts.name}.mf`, new TextEncoder().encode(digests));
  yield archiveMember(parts.diskFile, parts.vmdkBytes, parts.readVmdk());
}

function text(name: string, bytes: Uint8Array): ArchiveEntry {
  return archiveMember(name, bytes.length, bytesBody(bytes));
}

/** One machine: two processors, a GiB of memory, the disk on a SCSI controller, and a network card. */
function describe({ name, diskFile, diskBytes, vmdkBytes }: OvaParts): string {
  const id = escapeXml(name);
  const item = (instance: number, type: number, fields: Readonly<Record<string, string | number>>) =>
    `      <Item>\n${Object.entries({ ...fields, InstanceID: instance, ResourceType: type })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `        <rasd:${key}>${value}</rasd:${key}>\n`)
      .join('')}      </Item>\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
    <File ovf:href="${escapeXml(diskFile)}" ovf:id="file1" ovf:size="${vmdkBytes}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:capacity="${diskBytes}" ovf:diskId="disk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="network"><Description>The machine's network</Description></Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${id}">
    <Info>A machine made by Orlop</Info>
    <Name>${id}</Name>
    <OperatingSystemSection ovf:id="101">
      <Info>The guest's operating system</Info>
      <Description>Linux, 64 bit</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual hardware</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${id}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-10</vssd:VirtualSystemType>
      </System>
${item(1, 3, { ElementName: 'processors', VirtualQuantity: 2 })}${item(2, 4, { AllocationUnits: 'byte * 2^20', ElementName: 'memory', VirtualQuantity: 1024 })}${item(3, 6, { Address: 0, ElementName: 'SCSI controller', ResourceSubType: 'lsilogic' })}${item(4, 17, { AddressOnParent: 0, ElementName: 'disk', HostResource: 'ovf:/disk/disk1', Parent: 3 })}${item(5, 10, { AutomaticAllocation: 'true', Connection: 'network', ElementName: 'network card', ResourceSubType: 'E1000' })}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

function escapeXml(value: string): string {
  return value.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
