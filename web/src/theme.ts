import { createTheme, defaultVariantColorsResolver, type MantineColorsTuple } from '@mantine/core'

// Mantine asks for ten shades of every colour; all of ours are the tokens of tokens.css.
const shades = (token: string) => Array<string>(10).fill(`var(${token})`) as unknown as MantineColorsTuple

export const theme = createTheme({
  primaryColor: 'accent',
  colors: { accent: shades('--accent'), danger: shades('--bad') },
  fontFamily: 'var(--font-text)',
  fontFamilyMonospace: 'var(--font-mono)',
  defaultRadius: 'var(--r2)',
  cursorType: 'pointer',
  respectReducedMotion: true,
  variantColorResolver(input) {
    const out = defaultVariantColorsResolver(input)
    const filled = input.variant === 'filled' && (!input.color || input.color === 'accent' || input.color === 'danger')
    return filled ? { ...out, color: 'var(--accent-on)' } : out
  },
  components: {
    Button: { defaultProps: { size: 'xs', variant: 'default' } },
    ActionIcon: { defaultProps: { size: 'md', variant: 'subtle', color: 'gray' } },
    TextInput: { defaultProps: { size: 'xs' } },
    PasswordInput: { defaultProps: { size: 'xs' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    NativeSelect: { defaultProps: { size: 'xs' } },
    Autocomplete: { defaultProps: { size: 'xs', comboboxProps: { transitionProps: { duration: 0 } } } },
    Select: { defaultProps: { size: 'xs', comboboxProps: { transitionProps: { duration: 0 } } } },
    TagsInput: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs', autosize: true, minRows: 2 } },
    Switch: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    Tooltip: { defaultProps: { openDelay: 250, transitionProps: { duration: 0 }, multiline: true, maw: 420, withArrow: false } },
    Menu: { defaultProps: { transitionProps: { duration: 0 }, shadow: 'md' } },
    Popover: { defaultProps: { transitionProps: { duration: 0 }, shadow: 'md' } },
    // Locking the page's scroll is done with a style element, which the content security policy refuses.
    // Their headers stand outside the page's main part, where a header element would be a second banner.
    Drawer: { defaultProps: { attributes: { header: { role: 'none' } } } },
    Modal: { defaultProps: { lockScroll: false, transitionProps: { duration: 0 }, centered: true, attributes: { header: { role: 'none' } } } },
  },
})
