package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// NotificationsConfig says how people are told of what happens.
type NotificationsConfig struct {
	WebhookNetworks []string      `yaml:"webhook_networks" help:"Networks beside the internet that webhooks of people may lead to, as 10.0.0.0/8 or a single address. Without it nobody can make the collector talk to what only the collector reaches."`
	Lag             time.Duration `yaml:"lag" help:"How long after it happened a thing is told; what takes longer to be written is missed."`
	Keep            time.Duration `yaml:"keep" help:"How long notifications stay."`
}

// check refuses what is no network.
func (c NotificationsConfig) check() error {
	for _, n := range c.WebhookNetworks {
		if _, err := network(n); err != nil {
			return fmt.Errorf("notifications.webhook_networks: %q is no network such as 10.0.0.0/8", n)
		}
	}
	if c.Lag <= 0 || c.Keep <= 0 {
		return errors.New("notifications: want lag and keep of more than 0, such as 1m and 2160h")
	}
	return nil
}

func (c NotificationsConfig) networks() []netip.Prefix {
	var all []netip.Prefix
	for _, n := range c.WebhookNetworks {
		if p, err := network(n); err == nil { // check was asked before
			all = append(all, p)
		}
	}
	return all
}

func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
