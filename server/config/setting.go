package config

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// setting is one setting: a field of a group.
type setting struct {
	name string // of the environment variable
	tag  reflect.StructTag
	// value is the field itself.
	value reflect.Value
}

// group is a field of Config.
type group struct {
	title, doc string
	value      reflect.Value
}

func (c *Config) groups() iter.Seq[group] {
	return func(yield func(group) bool) {
		all := reflect.ValueOf(c).Elem()
		for i := range all.NumField() {
			tag := all.Type().Field(i).Tag
			if !yield(group{tag.Get("title"), tag.Get("doc"), all.Field(i)}) {
				return
			}
		}
	}
}

func (g group) settings() iter.Seq[setting] {
	return func(yield func(setting) bool) {
		for i := range g.value.NumField() {
			tag := g.value.Type().Field(i).Tag
			if !yield(setting{tag.Get("env"), tag, g.value.Field(i)}) {
				return
			}
		}
	}
}

func (c *Config) all() iter.Seq[setting] {
	return func(yield func(setting) bool) {
		for g := range c.groups() {
			for s := range g.settings() {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// read sets every setting as the environment has it, or else to its default.
func (c *Config) read(environ map[string]string) (p problems) {
	for g := range c.groups() {
		into := g.value.Addr().Interface()
		// The defaults first: a value that cannot be read leaves them, and is one problem.
		_ = env.ParseWithOptions(into, env.Options{Environment: map[string]string{}})
		p = append(p, g.unread(env.ParseWithOptions(into, env.Options{Environment: environ}))...)
	}
	return p
}

// unread names the settings that could not be read.
func (g group) unread(err error) (p problems) {
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok && err != nil {
		return problems{err}
	}
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := g.value.Type().FieldByName(parse.Name)
			err = fmt.Errorf("%s is not %s", field.Tag.Get("env"), described(field.Type))
		}
		p = append(p, err)
	}
	return p
}

// described says what a value of a type looks like.
func described(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration, for instance 30s"
	case t.Kind() == reflect.Bool || t == reflect.TypeFor[*bool]():
		return "true or false"
	default:
		return "a whole number"
	}
}

// tidy takes the space from around a list's values, and empty values out unless they are errors.
func (s setting) tidy() {
	list, ok := s.value.Addr().Interface().(*[]string)
	if !ok {
		return
	}
	for i, text := range *list {
		(*list)[i] = strings.TrimSpace(text)
	}
	if s.tag.Get("blanks") != "refused" {
		*list = slices.DeleteFunc(*list, func(text string) bool { return text == "" })
	}
}

// texts are the values of a list, or the one value of another setting.
func (s setting) texts() []string {
	value := s.value
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if list, ok := value.Interface().([]string); ok {
		return list
	}
	return []string{fmt.Sprint(value)}
}

// Names are the environment variables of all settings, in the order of docs/settings.md.
func Names() (names []string) {
	for s := range new(Config).all() {
		names = append(names, s.name)
	}
	return names
}
