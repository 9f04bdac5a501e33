package main

import (
	"context"

	"foyer/testenv"
)

func (s *services) startLiveKit(ctx context.Context, server *testenv.LiveKitServer) error {
	process, err := s.keep("livekit", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, testenv.GetLiveKit(server.URL()))
}
