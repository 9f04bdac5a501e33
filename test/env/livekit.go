package env

import (
	"context"
	"strings"
	"testing"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

// LiveKit returns where the LiveKit server is, and an API key and its secret. All tests share the
// server: their rooms have names of their own.
func LiveKit(t testing.TB) (url, key, secret string) {
	t.Helper()
	url = setting(t, EnvLiveKitURL)
	answered(t, "LiveKit", GetLiveKit(url)(t.Context()))
	return url, setting(t, EnvLiveKitKey), setting(t, EnvLiveKitSecret)
}

// GetLiveKit is a check for Process.Ready: the LiveKit server at a ws:// URL says that it is well.
func GetLiveKit(url string) func(context.Context) error {
	return GetOK("http" + strings.TrimPrefix(url, "ws"))
}

// Patient has somebody take the time to enter a call that it takes on a busy machine.
func Patient() lksdk.ConnectOption { return lksdk.WithConnectTimeout(patience) }
