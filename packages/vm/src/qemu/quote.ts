/** Commas separate the options of an argument; a doubled one stands for itself (qemu(1), "-drive"). */
export function quote(value: string): string {
  return value.replaceAll(',', ',,');
}
