//go:build unix

package host_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"maestro.internal/sdk/host"
	"maestro.internal/sdk/proto/pluginv1"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

// playPlugin is what the test binary does when it is started as a plugin.
func playPlugin(name string) {
	if h, ok := hostiles[strings.TrimPrefix(name, "hostile:")]; ok {
		playHostile(h.plugin)
		return
	}
	if act, ok := badMains[name]; ok {
		act()
		return
	}
	read, ok := readers[name]
	if bad, isBad := badReaders[name]; isBad {
		read, ok = bad, true
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "no such plugin %q\n", name)
		os.Exit(9)
	}
	serve.Provider(&demo{read: read})
}

// demo is a provider whose reading differs from test to test.
type demo struct {
	read func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error
}

type session struct {
	Count int `json:"count"`
	// Scopes is how many there are of every kind, instead of one.
	Scopes int `json:"scopes"`
	*demo
}

func (d *demo) Describe() provider.Description {
	thing := json.RawMessage(`{"type":"object","properties":{"number":{"type":"integer"}}}`)
	return provider.Description{
		Provider: "demo", Version: "1", Title: "Demo",
		Kinds: []provider.KindSupport{
			{Kind: "demo.thing", Major: 1, Schema: thing},
			{Kind: "demo.other", Major: 1, Schema: thing, Unstable: true},
			{Kind: "demo.denied", Major: 1, Schema: thing},
		},
		Settings:      json.RawMessage(`{"type":"object","properties":{"count":{"type":"integer"},"scopes":{"type":"integer"}},"additionalProperties":false}`),
		CredentialEnv: []provider.EnvVar{{Name: "DEMO_PASSWORD", Help: "The password.", Secret: true}},
	}
}

func (d *demo) Connect(_ context.Context, conn provider.Connection) (provider.Session, error) {
	s := &session{demo: d}
	if err := json.Unmarshal(conn.Settings, s); err != nil {
		return nil, err
	}
	if s.Count == 13 {
		return nil, &provider.SettingsError{Pointer: "/count", Problem: "thirteen is unlucky"}
	}
	return s, nil
}

// Close takes a moment, as ending a session at a provider does.
func (s *session) Close() error {
	if s.Count == 99 {
		time.Sleep(800 * time.Millisecond)
		slog.Info("session ended")
	}
	return nil
}

func (s *session) Plan(_ context.Context, kinds []string) (provider.Plan, error) {
	plan := provider.Plan{Complete: true}
	for _, k := range kinds {
		if k == "demo.denied" {
			return plan, provider.Denied(errors.New("wrong password "+os.Getenv("DEMO_PASSWORD")), "grant it")
		}
		if s.Scopes == 0 {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k})
		}
		for i := range s.Scopes {
			plan.Scopes = append(plan.Scopes, resource.Scope{Kind: k, Partition: resource.Partition{
				{Key: "account", Value: fmt.Sprintf("%012d", i/17)}, {Key: "region", Value: fmt.Sprintf("region-%02d", i%17)}}})
		}
	}
	return plan, nil
}

func (s *session) Discover(ctx context.Context, scope resource.Scope, out provider.Emitter) error {
	return s.read(ctx, s, scope, out)
}

type reader = func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error

var readers = map[string]reader{
	"good": func(ctx context.Context, s *session, _ resource.Scope, out provider.Emitter) error {
		for i := range s.Count {
			if err := out.Emit(ctx, numbered(i)); err != nil {
				return err
			}
		}
		return nil
	},
	"bench": func(ctx context.Context, s *session, _ resource.Scope, out provider.Emitter) error {
		for i := range s.Count {
			if err := out.Emit(ctx, sample(i)); err != nil {
				return err
			}
		}
		return nil
	},
	// One thing in every region 0, which bears the account's name.
	"sparse": func(ctx context.Context, _ *session, scope resource.Scope, out provider.Emitter) error {
		account, _ := scope.Partition.Get("account")
		if region, _ := scope.Partition.Get("region"); region != "region-00" {
			return nil
		}
		return out.Emit(ctx, resource.Envelope{ExternalID: account, Name: account})
	},
	"waits": func(ctx context.Context, _ *session, _ resource.Scope, _ provider.Emitter) error {
		slog.Info("waiting")
		<-ctx.Done()
		return ctx.Err()
	},
	"environ": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		for _, e := range os.Environ() {
			name, value, _ := strings.Cut(e, "=")
			if err := out.Emit(ctx, resource.Envelope{ExternalID: name, Name: value}); err != nil {
				return err
			}
		}
		return nil
	},
	"talkative": func(_ context.Context, _ *session, scope resource.Scope, _ provider.Emitter) error {
		slog.Warn("careful", "scope", scope.Key())
		slog.Debug("nobody hears this")
		logFile.WriteString("plain words\n")
		slog.Info("password is " + os.Getenv("DEMO_PASSWORD"))
		fmt.Println("printed by mistake")
		time.Sleep(100 * time.Millisecond) // go-plugin does not wait for what is printed
		return nil
	},
}

// certificate is one whose key nobody has.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// logFile is the process's real standard error; go-plugin replaces os.Stderr.
var logFile = os.Stderr

// printed is the real standard output, which the SDK replaces in Go: plugins in other languages print there.
var printed = os.Stdout

// badMains misbehave before or beside the SDK.
var badMains = map[string]func(){
	"rubbish":         func() { fmt.Println("Welcome to my plugin!"); time.Sleep(time.Minute) },
	"silent":          func() { time.Sleep(time.Minute) },
	"closes":          func() { os.Stdout.Close(); time.Sleep(time.Minute) },
	"dies early":      func() { fmt.Fprintln(os.Stderr, "no such library: "+secret); os.Exit(3) },
	"version 9":       func() { fmt.Println("1|9|unix|/tmp/x|grpc|" + strings.Repeat("A", 60)); time.Sleep(time.Minute) },
	"core 2":          func() { fmt.Println("2|1|unix|/tmp/x|grpc|" + strings.Repeat("A", 60)); time.Sleep(time.Minute) },
	"netrpc":          func() { fmt.Println("1|1|unix|/tmp/x|netrpc|" + strings.Repeat("A", 60)); time.Sleep(time.Minute) },
	"plaintext":       func() { fmt.Println("1|1|unix|/tmp/x|grpc"); time.Sleep(time.Minute) },
	"odd certificate": func() { fmt.Println("1|1|unix|/tmp/x|grpc|" + strings.Repeat("A", 60)); time.Sleep(time.Minute) },
	"no socket": func() {
		fmt.Println("1|1|unix|/tmp/nothing-here|grpc|" + certificate())
		time.Sleep(time.Minute)
	},
	"mute": func() { playHostile(hostile{describe: func(*pluginv1.DescribeResponse) { time.Sleep(time.Minute) }}) },
	// An agent that starts a plugin, says its pid and never ends.
	"agent": func() {
		self, _ := os.Executable()
		p, err := host.Launch(context.Background(), host.Config{Path: self, Args: []string{"-plugin", "good"}, Dir: os.Getenv("AGENT_DIR")})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.PID())
		time.Sleep(time.Minute)
	},
	"endless line": func() {
		for {
			if _, err := fmt.Print(strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	},
}

// badReaders misbehave while they read.
var badReaders = map[string]reader{
	"panics": func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error {
		if scope.Kind == "demo.other" {
			return readers["good"](ctx, s, scope, out)
		}
		if err := out.Emit(ctx, numbered(1)); err != nil {
			return err
		}
		panic("seeded panic")
	},
	"crashes": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		if err := emitMany(ctx, out, 1200); err != nil {
			return err
		}
		fmt.Fprintln(logFile, "the ground gives way")
		done := make(chan struct{})
		go func() { panic("in a goroutine of the author's") }()
		<-done
		return nil
	},
	"exits": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		if err := emitMany(ctx, out, 1200); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond) // what was sent is on its way
		os.Exit(7)
		return nil
	},
	"hangs": func(ctx context.Context, _ *session, scope resource.Scope, out provider.Emitter) error {
		if scope.Kind == "demo.other" {
			return emitMany(ctx, out, 3)
		}
		select {}
	},
	"floods": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		return emitMany(ctx, out, 1<<40)
	},
	"repeats": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		again := numbered(1)
		again.Name = "something else"
		for _, env := range []resource.Envelope{numbered(1), numbered(1), again} {
			if err := out.Emit(ctx, env); err != nil {
				return err
			}
		}
		return nil
	},
	"invalid": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		bad := []resource.Envelope{numbered(1), numbered(2), numbered(3), numbered(4), numbered(5), numbered(6)}
		bad[0].Name = "caf\xe9"
		bad[1].Attributes = json.RawMessage("{\"number\":\"\xff\"}")
		bad[2].Kind = "demo.other"
		bad[3].Attributes = json.RawMessage(`{"number":"` + strings.Repeat("x", resource.MaxBytes) + `"}`)
		bad[4].ExternalID = ""
		for _, env := range bad {
			if err := out.Emit(ctx, env); err != nil {
				return err
			}
		}
		return nil
	},
	"eats": func(context.Context, *session, resource.Scope, provider.Emitter) error {
		var held [][]byte
		for {
			b := make([]byte, 8<<20)
			for i := range b {
				b[i] = byte(i)
			}
			held = append(held, b)
			time.Sleep(20 * time.Millisecond)
			runtime.KeepAlive(held)
		}
	},
	"breeds": func(ctx context.Context, _ *session, _ resource.Scope, out provider.Emitter) error {
		// One child in the group, one that left it.
		for i, attr := range []*syscall.SysProcAttr{{}, {Setsid: true}} {
			cmd := exec.Command("sleep", "300")
			cmd.SysProcAttr = attr
			if err := cmd.Start(); err != nil {
				return err
			}
			env := numbered(i)
			env.Name = strconv.Itoa(cmd.Process.Pid)
			if err := out.Emit(ctx, env); err != nil {
				return err
			}
		}
		return nil
	},
	"deaf": func(ctx context.Context, s *session, scope resource.Scope, out provider.Emitter) error {
		signal.Ignore(syscall.SIGTERM)
		return readers["good"](ctx, s, scope, out)
	},
	"prints": func(context.Context, *session, resource.Scope, provider.Emitter) error {
		for i := range 50_000 {
			fmt.Fprintln(printed, "printed", i)
		}
		slog.Warn("the log goes on")
		return nil
	},
	"logs": func(context.Context, *session, resource.Scope, provider.Emitter) error {
		for i := range 50_000 {
			fmt.Fprintln(logFile, "line", i, strings.Repeat("x", 100))
		}
		return nil
	},
}

func emitMany(ctx context.Context, out provider.Emitter, n int) error {
	for i := range n {
		if err := out.Emit(ctx, numbered(i)); err != nil {
			return err
		}
	}
	return nil
}

func numbered(i int) resource.Envelope {
	return resource.Envelope{ExternalID: fmt.Sprintf("thing-%d", i), Attributes: json.RawMessage(fmt.Sprintf(`{"number":%d}`, i))}
}
