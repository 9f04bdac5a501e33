package testenv

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
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
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		http1 := "http" + strings.TrimPrefix(url, "ws")
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, http1, nil)
		if err != nil {
			return err
		}
		request.Close = true // no idle connection: tests count goroutines
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("health check: %s", response.Status)
		}
		return nil
	}
}
