// A share as a bar, drawn without styles of its own: pages are served with a policy that allows none.
interface Props {
  label: string
  className: string | undefined
  /** Per cent, one after the other, each with the class that colours it. */
  parts: { share: number; className: string | undefined }[]
}

export function Bar({ label, className, parts }: Props) {
  return (
    <svg className={className} role="img" aria-label={label} viewBox="0 0 100 1" preserveAspectRatio="none">
      {parts.map((p, i) => <rect key={i} className={p.className} x={parts.slice(0, i).reduce((sum, q) => sum + q.share, 0)} y={0} width={Math.max(0, Math.min(100, p.share))} height={1} />)}
    </svg>
  )
}
