// Package config reads the configuration of the daemons: a YAML file, then environment variables, then flags, each
// over the one before. It is strict, since a misspelt key that is silently ignored costs more than one that stops
// the start: an unknown key is an error that names file and line.
//
// A configuration is a struct with yaml tags in snake_case whose values are the defaults when Load begins. Key
// "log.level" is the variable PREFIX_LOG_LEVEL and the flag --log-level; "data_dir" is PREFIX_DATA_DIR and --data-dir.
package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"
)

// Load fills into, a pointer to a struct. path may be empty: no file. flags may be nil; of the others only those
// that were given count, and flags that are no key of the configuration are left to the caller. If into has a
// method Validate() error, it is called at the end.
func Load(path, envPrefix string, flags *pflag.FlagSet, into any) error {
	fields, err := leaves(into)
	if err != nil {
		return err
	}
	if path != "" {
		if err := loadFile(path, into); err != nil {
			return err
		}
		// Decoding may have replaced nested structs.
		if fields, err = leaves(into); err != nil {
			return err
		}
	}
	if err := loadEnvironment(os.Environ(), envPrefix, fields); err != nil {
		return err
	}
	if flags != nil {
		if err := loadFlags(flags, fields); err != nil {
			return err
		}
	}
	if v, ok := into.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("check configuration: %w", err)
		}
	}
	return nil
}

// DecodeFile reads one strict YAML (or JSON) file: for files that have no environment or flags beside them.
func DecodeFile(path string, into any) error { return loadFile(path, into) }

// Define adds one flag for every key of the configuration, with its help tag as text; a key tagged flag:"-" gets none.
// Values are parsed by Load.
func Define(flags *pflag.FlagSet, into any) error {
	fields, err := leaves(into)
	if err != nil {
		return err
	}
	for _, f := range fields {
		name := f.flag()
		if f.hidden || flags.Lookup(name) != nil {
			continue
		}
		v := &raw{text: f.show(), kind: f.kind()}
		flag := flags.VarPF(v, name, "", f.help)
		if v.kind == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	return nil
}

func loadFile(path string, into any) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	err = yaml.NewDecoder(file, yaml.Strict()).Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil && located.GetToken().Position != nil {
		at := located.GetToken().Position
		return fmt.Errorf("read configuration: %s:%d:%d: %s", path, at.Line, at.Column, located.GetMessage())
	}
	return fmt.Errorf("read configuration: %s: %w", path, err)
}

// injected are variables that container platforms make for a service of our own name.
var injected = regexp.MustCompile(`^(SERVICE_(HOST|PORT(_.*)?)|PORT(_[0-9]+_.*)?)$`)

func loadEnvironment(environ []string, prefix string, fields []leaf) error {
	if prefix == "" {
		return nil
	}
	prefix += "_"
	byName := map[string]leaf{}
	for _, f := range fields {
		byName[f.env()] = f
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		f, ok := byName[rest]
		switch {
		case !ok && (injected.MatchString(rest) || rest == "CONFIG"):
			continue
		case !ok:
			return fmt.Errorf("read configuration: environment variable %s is not a known key", name)
		}
		if err := f.set(value); err != nil {
			return fmt.Errorf("read configuration: environment variable %s: %w", name, err)
		}
	}
	return nil
}

func loadFlags(flags *pflag.FlagSet, fields []leaf) error {
	for _, f := range fields {
		flag := flags.Lookup(f.flag())
		if flag == nil || !flag.Changed {
			continue
		}
		text := flag.Value.String()
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			text = strings.Join(list.GetSlice(), ",")
		}
		if err := f.set(text); err != nil {
			return fmt.Errorf("read configuration: flag --%s: %w", flag.Name, err)
		}
	}
	return nil
}

// leaf is one key of a configuration.
type leaf struct {
	path []string
	help string
	// hidden leaves have no flag: a secret on a command line is seen by everybody on the machine.
	hidden bool
	value  reflect.Value
}

func (f leaf) flag() string { return strings.ReplaceAll(strings.Join(f.path, "-"), "_", "-") }
func (f leaf) env() string  { return strings.ToUpper(strings.Join(f.path, "_")) }

func (f leaf) kind() string {
	switch {
	case f.value.Type() == reflect.TypeFor[time.Duration]():
		return "duration"
	case f.value.Kind() == reflect.Bool:
		return "bool"
	case f.value.Kind() == reflect.Slice:
		return "strings"
	case f.value.CanInt() || f.value.CanUint():
		return "int"
	case f.value.CanFloat():
		return "float"
	}
	return "string"
}

func (f leaf) show() string {
	switch {
	case f.value.Kind() == reflect.Slice:
		return strings.Join(f.value.Interface().([]string), ",")
	case f.value.IsZero() && f.value.Kind() != reflect.Bool:
		return ""
	}
	return fmt.Sprint(f.value.Interface())
}

func (f leaf) set(text string) error {
	if u, ok := f.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	var err error
	switch v := f.value; f.kind() {
	case "duration":
		var d time.Duration
		if d, err = time.ParseDuration(text); err == nil {
			v.SetInt(int64(d))
		}
	case "bool":
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			v.SetBool(b)
		}
	case "strings":
		list := []string{}
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v.Set(reflect.ValueOf(list))
	case "int":
		err = setInteger(v, text)
	case "float":
		var n float64
		if n, err = strconv.ParseFloat(text, v.Type().Bits()); err == nil {
			v.SetFloat(n)
		}
	default:
		v.SetString(text)
	}
	return err
}

func setInteger(v reflect.Value, text string) error {
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err == nil {
			v.SetUint(n)
		}
		return err
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err == nil {
		v.SetInt(n)
	}
	return err
}

// leaves walks a struct along its yaml tags. Maps and lists of structs can be set in the file only.
func leaves(into any) ([]leaf, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("read configuration: want a pointer to a struct, got %T", into)
	}
	return walk(nil, nil, v.Elem()), nil
}

func walk(out []leaf, path []string, v reflect.Value) []leaf {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if strings.Contains(options, "inline") {
			out = walk(out, path, v.Field(i))
			continue
		}
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		at := append(path[:len(path):len(path)], name)
		value := v.Field(i)
		_, text := value.Addr().Interface().(encoding.TextUnmarshaler)
		switch {
		case text:
		case value.Kind() == reflect.Struct:
			out = walk(out, at, value)
			continue
		case value.Type() == reflect.TypeFor[[]string](), value.Kind() == reflect.Bool, value.Kind() == reflect.String, value.CanInt(), value.CanUint(), value.CanFloat():
		default:
			continue
		}
		out = append(out, leaf{path: at, help: field.Tag.Get("help"), hidden: field.Tag.Get("flag") == "-", value: v.Field(i)})
	}
	return out
}

// raw is a flag whose text Load parses, so that file, environment and flag share one parser.
type raw struct{ text, kind string }

func (r *raw) String() string { return r.text }
func (r *raw) Type() string   { return r.kind }
func (r *raw) Set(s string) error {
	r.text = s
	return nil
}
