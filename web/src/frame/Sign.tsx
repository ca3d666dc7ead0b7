// The sign: five thin staff lines that a baton's arc crosses.
export function Sign({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden>
      <path d="M3 9.2h26M3 12.6h26M3 16h26M3 19.4h26M3 22.8h26" stroke="currentColor" strokeWidth="1.1" strokeLinecap="round" opacity=".55" />
      <path d="M4.5 27C7.5 14.5 15 7 28.5 4.5" fill="none" stroke="var(--brand)" strokeWidth="2.6" strokeLinecap="round" />
    </svg>
  )
}
