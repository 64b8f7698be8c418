export default function Page() {
  return 'five'
}
