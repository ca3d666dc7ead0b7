// For tests of single modules: what main.tsx does before it loads the pages.
import { speak } from './language'

speak('en')
