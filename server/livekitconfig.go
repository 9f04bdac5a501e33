package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
)

// deploymentName is what an installation may be called in its tokens.
var deploymentName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)

// hostOf returns the host and port of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// checkLiveKitKeys returns what is wrong with the keys that Foyer and LiveKit share.
func (c *config) checkLiveKitKeys() []error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	trim(&c.LiveKitKeys)
	trim(&c.LiveKitSecrets)
	keys, secrets := len(c.LiveKitKeys), len(c.LiveKitSecrets)
	wrong(!c.development() && (keys == 0 || secrets == 0), "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set")
	wrong(!c.development() && slices.Contains(c.LiveKitSecrets, developmentPair),
		"LIVEKIT_API_SECRET is the development one, which everybody knows")
	wrong(c.development() && (keys == 0) != (secrets == 0),
		"of LIVEKIT_API_KEY and LIVEKIT_API_SECRET only one is set")
	wrong(keys > 0 && secrets > 0 && keys != secrets,
		"LIVEKIT_API_KEY has %d keys, but LIVEKIT_API_SECRET has %d secrets", keys, secrets)
	for i, key := range c.LiveKitKeys {
		wrong(slices.Contains(c.LiveKitKeys[:i], key), "LIVEKIT_API_KEY has number %d twice", i+1)
	}
	return problems
}

// olderLiveKitKeys are all but the first, which LiveKit may still sign with.
func (c *config) olderLiveKitKeys() map[string]string {
	older := map[string]string{}
	for i, key := range c.LiveKitKeys[1:] {
		older[key] = c.LiveKitSecrets[i+1]
	}
	return older
}
