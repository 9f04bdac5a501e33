package main

import (
	"context"

	"foyer/testenv"
)

func (s *services) startMinIO(ctx context.Context, server *testenv.MinIOServer) error {
	process, err := s.keep("minio", server.Launch)
	if err != nil {
		return err
	}
	return process.Ready(ctx, testenv.GetMinIO(server.URL()))
}
