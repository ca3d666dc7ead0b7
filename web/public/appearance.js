// Runs before the first paint, so that a dark page never flashes white. A file of its own because the content
// security policy allows no inline script.
;(function () {
  var root = document.documentElement
  var scheme = null
  var accent = null
  try {
    scheme = localStorage.getItem('maestro.scheme')
    accent = localStorage.getItem('maestro.accent')
  } catch {
    // Storage may be forbidden; the defaults do.
  }
  if (scheme !== 'light' && scheme !== 'dark') {
    scheme = window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  }
  root.setAttribute('data-mantine-color-scheme', scheme)
  root.setAttribute('data-accent', accent || 'brass')
})()
