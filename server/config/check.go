package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A check tag is one of these:
//
//	1ms..8760h  a number or a duration in this range; one without an end has no limit there
//	A|B|C       one of these words
//	host:port   a name of the table checks, which is also what people read
//
// Empty text passes every check. Of a list, each value is checked.

// check adds what is wrong with a setting's value by itself.
func (s setting) check(p *problems) {
	tag := s.tag.Get("check")
	switch v := s.value.Interface().(type) {
	case []string:
		for i, text := range v {
			err := wrong(tag, text)
			p.add(err != nil, "%s has what is %v: number %d", s.name, err, i+1)
		}
	case string:
		if v != "" {
			err := wrong(tag, v)
			p.add(err != nil, "%s is %v", s.name, err)
		}
	case time.Duration:
		err := outside(tag, v, time.ParseDuration)
		p.add(err != nil, "%s is %v", s.name, err)
	default:
		if s.value.CanInt() {
			err := outside(tag, s.value.Int(), parseInt)
			p.add(err != nil, "%s is %v", s.name, err)
		}
	}
}

// outside returns what is wrong with a value that is not in a range.
func outside[T int64 | time.Duration](tag string, value T, parse func(string) (T, error)) error {
	from, to, _ := strings.Cut(tag, "..")
	least, _ := parse(from)
	most, err := parse(to)
	limited := err == nil
	switch {
	case value >= least && (!limited || value <= most):
		return nil
	case value < 0 && least == 0:
		return errors.New("negative")
	case least == 0:
		return fmt.Errorf("more than %v", most)
	case limited:
		return fmt.Errorf("not between %v and %v", least, most)
	default:
		return fmt.Errorf("less than %v", least)
	}
}

// wrong returns what is wrong with a text.
func wrong(tag, text string) error {
	if words := strings.Split(tag, "|"); len(words) > 1 {
		if slices.Contains(words, text) {
			return nil
		}
		return fmt.Errorf("not %s: %q", alternatives(words), text)
	}
	if check, ok := checks[tag]; ok && !check.holds(text) {
		if check.shown {
			return fmt.Errorf("not %s: %q", tag, text)
		}
		return fmt.Errorf("not %s", tag)
	}
	return nil
}

func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func parseInt(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
