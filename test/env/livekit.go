package env

import (
	"context"
	"strings"
	"testing"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

// LiveKit returns the URL of the LiveKit server, an API key and its secret. All tests share the server; their rooms
// have different names.
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

// Patient gives a participant enough time to join a room on a busy machine.
func Patient() lksdk.ConnectOption { return lksdk.WithConnectTimeout(patience) }
