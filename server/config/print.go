package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
)

// hidden stands for a secret that is set.
const hidden = "(hidden)"

// Print writes the value of every setting, without secrets.
func (c *Config) Print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for s := range c.all() {
		fmt.Fprintf(table, "%s\t%s\n", s.name, s.shown())
	}
	return table.Flush()
}

// shown is a setting's value without secrets.
func (s setting) shown() string {
	texts := make([]string, 0, 1)
	for _, text := range s.texts() {
		texts = append(texts, withoutSecret(s.tag.Get("secret"), text))
	}
	return strings.Join(texts, ",")
}

// withoutSecret hides a secret. Every URL may have a password in it.
func withoutSecret(secret, text string) string {
	if text == "" {
		return ""
	}
	if secret == "all" {
		return hidden
	}
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hidden
	}
	if secret == "path" {
		return u.Scheme + "://" + u.Host + "/…"
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.Redacted()
}
