import type { Provider, VendorLimits } from '../ports/provider.ts'

/** What a vendor lets the credential of a connection do: what its operator says, else what the vendor documents. */
export function limitsOf(
  provider: Pick<Provider, 'limits'> | undefined,
  connection: VendorLimits,
): VendorLimits {
  return { ...provider?.limits, ...connection }
}
