import { t } from '@lingui/core/macro'
import { Trans } from '@lingui/react/macro'
import { ActionIcon, Drawer, Menu, Tooltip, useMantineColorScheme } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { IconKeyboard, IconLayoutSidebarLeftCollapse, IconLogout, IconMenu2, IconMoon, IconSearch, IconSettings, IconSun, IconUserCircle } from '@tabler/icons-react'
import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { Link, Outlet, useLocation, useNavigate, useSearchParams } from 'react-router'

import { contact } from '../api/contact'
import { PageToCome, useLetLater } from '../api/later'
import { useNarrow } from '../parts/DataTable'
import { Loading } from '../parts/States'
import { Toasts } from '../parts/toast'
import { When } from '../parts/When'
import { AsOfClock } from './AsOf'
import { remembered } from './appearance'
import { Bell } from './Bell'
import { Brand } from './Brand'
import css from './Frame.module.css'
import { keyReader, typing } from './keys'
import { NotRefreshed } from './NotRefreshed'
import { Rail } from './Rail'
import { useSession, useSignOut } from './session'
import { TenantSwitcher } from './TenantSwitcher'
import { useFocusBack } from './useFocusBack'

const Palette = lazy(() => import('./Palette'))
const KeyHelp = lazy(() => import('./KeyHelp'))

export function Frame() {
  const session = useSession()
  const narrow = useNarrow()
  const location = useLocation()
  const [params] = useSearchParams()
  const [closed, setClosed] = useState(() => remembered.read('maestro.rail') === 'closed')
  // Open on one page only: going anywhere closes it.
  const [menuOn, setMenuOn] = useState<string | null>(null)
  const menu = menuOn === location.key
  const setMenu = (open: boolean) => setMenuOn(open ? location.key : null)
  const [dialog, setDialog] = useState<'search' | 'help' | null>(null)
  useFrameKeys(setDialog)
  useFocusBack()
  useLetLater()
  const toggle = () => {
    remembered.write('maestro.rail', closed ? 'open' : 'closed')
    setClosed(!closed)
  }
  const past = params.get('as_of')
  return (
    <div className={css.frame} data-rail={narrow ? 'none' : closed ? 'closed' : 'open'} data-past={past ? true : undefined}>
      <a href="#content" className="skip"><Trans>Skip to the content</Trans></a>
      <header className={css.bar}>
        {narrow ? (
          <ActionIcon aria-label={t`Open the menu`} onClick={() => setMenu(true)}><IconMenu2 size={18} /></ActionIcon>
        ) : (
          <Link to="/" className={css.brand} aria-label={t`Maestro, overview`}>
            <Brand logo={session?.logo} small={closed} />
          </Link>
        )}
        <button type="button" className={css.search} onClick={() => setDialog('search')}>
          <IconSearch size={15} aria-hidden />
          <span className="clip"><Trans>Find things, pages, actions</Trans></span>
          <kbd><Trans>Ctrl K</Trans></kbd>
        </button>
        <span className="grow" />
        <TenantSwitcher />
        <AsOfClock />
        <Bell />
        <Account onHelp={() => setDialog('help')} />
      </header>
      {narrow ? (
        <Drawer opened={menu} onClose={() => setMenu(false)} size={260} title={<span className={css.brand}><Brand logo={session?.logo} /></span>} lockScroll={false} transitionProps={{ duration: 0 }} closeButtonProps={{ 'aria-label': t`Close the menu` }}>
          <Rail closed={false} />
        </Drawer>
      ) : (
        <div className={css.side}>
          <Rail closed={closed} />
          <Tooltip label={closed ? t`Open the menu` : t`Fold the menu`} position="right">
            <ActionIcon className={css.fold} aria-label={closed ? t`Open the menu` : t`Fold the menu`} onClick={toggle}>
              <IconLayoutSidebarLeftCollapse size={17} style={closed ? { transform: 'scaleX(-1)' } : undefined} />
            </ActionIcon>
          </Tooltip>
        </div>
      )}
      <main id="content" className={css.content} tabIndex={-1}>
        <Offline />
        <NotRefreshed />
        {session?.password_given && !session.demo ? <Given /> : null}
        {past ? <Past at={past} /> : null}
        <Suspense fallback={<><PageToCome /><Loading what={t`the page`} /></>}>
          <Outlet />
        </Suspense>
      </main>
      <Suspense>
        {dialog === 'search' ? <Palette onClose={() => setDialog(null)} /> : null}
        {dialog === 'help' ? <KeyHelp onClose={() => setDialog(null)} /> : null}
      </Suspense>
      <Toasts />
    </div>
  )
}

function useFrameKeys(open: (d: 'search' | 'help') => void) {
  const navigate = useNavigate()
  const read = useRef<ReturnType<typeof keyReader>>(null)
  useEffect(() => {
    read.current ??= keyReader()
    const onKey = (e: KeyboardEvent) => {
      const intent = read.current!(e, typing(e.target), e.timeStamp)
      if (!intent) return
      e.preventDefault()
      if ('go' in intent) void navigate(intent.go)
      else if (intent.do === 'filter') window.dispatchEvent(new Event('maestro:filter'))
      else open(intent.do)
    }
    // Before the pages' own keys: the e of "g e" is not theirs.
    window.addEventListener('keydown', onKey, true)
    return () => window.removeEventListener('keydown', onKey, true)
  }, [navigate, open])
}

/** Says since when nothing answers. What is on the page stays, and so does what was typed. */
function Offline() {
  const since = useSyncExternalStore(contact.subscribe, contact.since)
  const client = useQueryClient()
  if (since === null) return null
  return (
    <div className={css.offline} role="alert">
      <span><Trans>No answer from the collector since <When at={new Date(since).toISOString()} clock />. What you see is from before; what you type is kept.</Trans></span>
      <button type="button" className="link" onClick={() => void client.refetchQueries({ type: 'active' })}><Trans>Try now</Trans></button>
    </div>
  )
}

/** Said until it is changed: whoever generated or chose it can sign in with it too. */
function Given() {
  return (
    <div className={css.given} data-testid="password-given">
      <span><Trans>You sign in with a password that was generated for you or that somebody else chose: whoever has seen it can sign in as you.</Trans></span>
      <Link to="/account"><Trans>Choose one of your own</Trans></Link>
    </div>
  )
}

function Past({ at }: { at: string }) {
  const [params, setParams] = useSearchParams()
  return (
    <div className={css.past} role="status">
      <span><Trans>You are looking at the past: as the collector knew it at <strong><When at={at} clock /></strong>.</Trans></span>
      <button
        type="button"
        className="link"
        onClick={() => {
          const next = new URLSearchParams(params)
          next.delete('as_of')
          setParams(next)
        }}
      >
        <Trans>Back to now</Trans>
      </button>
    </div>
  )
}

function Account({ onHelp }: { onHelp: () => void }) {
  const session = useSession()
  const signOut = useSignOut()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const dark = colorScheme === 'dark' || (colorScheme === 'auto' && document.documentElement.dataset['mantineColorScheme'] === 'dark')
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon aria-label={t`Account of ${session?.username ?? ''}`} size="lg">{session?.picture ? <img className={css.face} src={`/api/v1/pictures/${session.picture}`} width={26} height={26} alt="" /> : <IconUserCircle size={20} />}</ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label><Trans>{session?.username} · {session?.role} of tenant {session?.tenant_name}</Trans></Menu.Label>
        <Menu.Item leftSection={dark ? <IconSun size={15} /> : <IconMoon size={15} />} onClick={() => setColorScheme(dark ? 'light' : 'dark')}>
          {dark ? t`Light` : t`Dark`}
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={15} />} onClick={onHelp}><Trans>Keys</Trans></Menu.Item>
        <Menu.Item leftSection={<IconUserCircle size={15} />} component={Link} to="/account"><Trans>Profile and security</Trans></Menu.Item>
        <Menu.Item leftSection={<IconSettings size={15} />} component={Link} to="/settings"><Trans>Settings</Trans></Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void signOut()}><Trans>Sign out</Trans></Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
