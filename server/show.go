package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"runtime/debug"
	"strings"
	"text/tabwriter"
)

// masked stands for a secret that is set.
const masked = "(hidden)"

// printConfig prints every setting as the environment and the defaults have it, without secrets.
func printConfig(_ context.Context, environ []string, out io.Writer) error {
	c, err := loadConfig(environ)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	value := reflect.ValueOf(c).Elem()
	for i, field := range reflect.VisibleFields(value.Type()) {
		if name := field.Tag.Get("env"); name != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, shown(name, value.Field(i)))
		}
	}
	return table.Flush()
}

// shown is a setting's value without what is secret in it.
func shown(name string, value reflect.Value) string {
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if list, is := value.Interface().([]string); is {
		words := make([]string, len(list))
		for i, text := range list {
			words[i] = withoutSecret(name, text)
		}
		return strings.Join(words, ",")
	}
	return withoutSecret(name, fmt.Sprint(value))
}

// withoutSecret hides what only we may know: URLs may have passwords in them.
func withoutSecret(name, text string) string {
	if text == "" {
		return ""
	}
	if strings.Contains(name, "SECRET") || strings.HasSuffix(name, "_SESSION_TOKEN") {
		return masked
	}
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return masked // whatever it is
	}
	if name == "FOYER_WEBHOOK_URLS" { // the path of many is what lets one in
		return u.Scheme + "://" + u.Host + "/…"
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.Redacted()
}

// version is set where there is no repository to read it from.
var version string

func printVersion(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintln(out, "foyer", currentVersion())
	return err
}

// currentVersion is what Go stamps into a program that is built in its repository.
func currentVersion() string {
	info, ok := debug.ReadBuildInfo()
	if version != "" || !ok {
		return version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			return setting.Value
		}
	}
	return info.Main.Version
}
