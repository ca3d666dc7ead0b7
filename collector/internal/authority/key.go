package authority

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Key is the installation's master key. It cannot print itself.
type Key struct{ bytes [32]byte }

func (Key) String() string   { return "[secret]" }
func (Key) GoString() string { return "[secret]" }

// ErrKey says that what is in the store was encrypted under another key file.
var ErrKey = errors.New("the store was encrypted under another master key; give this collector the installation's key file")

// LoadKey reads the key file, and makes one when there is none and create is set.
func LoadKey(path string, create bool) (Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		return newKey(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read master key: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(raw) != 32 {
		return Key{}, fmt.Errorf("read master key %s: want 32 bytes in base64", path)
	}
	return Key{[32]byte(raw)}, nil
}

func newKey(path string) (Key, error) {
	var k Key
	if _, err := rand.Read(k.bytes[:]); err != nil {
		return k, fmt.Errorf("make master key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return k, fmt.Errorf("write master key: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(k.bytes[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return k, fmt.Errorf("write master key: %w", err)
	}
	return k, nil
}

// Derive makes a key of its own for one purpose, the same on every collector that has this one.
func (k Key) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, k.bytes[:])
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.bytes[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts; name binds what is sealed to its place.
func (k Key) seal(plain []byte, name string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return aead.Seal(nil, nil, plain, []byte(name)), nil
}

func (k Key) open(sealed []byte, name string) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, ErrKey
	}
	return plain, nil
}
