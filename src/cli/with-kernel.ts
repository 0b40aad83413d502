import type { Kernel } from '../kernel/types.js';
import type { CliContext } from './io.js';
import { kernelOptions, type KernelFlags } from './options.js';

/** Open the kernel for as long as `use` takes. */
export async function withKernel<T>(
  flags: KernelFlags,
  { dependencies }: CliContext,
  use: (kernel: Kernel) => Promise<T>,
): Promise<T> {
  const kernel = await dependencies.openKernel(kernelOptions(flags));
  try {
    return await use(kernel);
  } finally {
    await kernel.close();
  }
}
