package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/auth"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/internal/problem"
	"github.com/leadmagic-mcp-proxy/leadmagic-mcp-proxy/rest"
)

// A local is an MCP client at the other end of a session of our own, over pipes as an editor has them.
type local struct {
	*mcp.ClientSession
	session *session
	ended   chan struct{}
	stop    context.CancelFunc
}

// patience is how much longer than an editor a person waits who has typed a command.
const patience = 5 * time.Second

// connect opens a session as an editor would.
func connect(ctx context.Context, env *Env, s *settings) (*local, error) {
	sayStray(env)
	ss, refusal := newSession(env, s)
	if refusal != nil {
		return nil, refusal
	}
	l, err := ss.connect(ctx, "")
	if err != nil {
		ss.close()
	}
	return l, err
}

// tryKey opens a session with that key and no other, which is free: LeadMagic looks at the key, and no tool is
// called.
func tryKey(ctx context.Context, env *Env, s *settings, key auth.Key) error {
	ss, refusal := newSession(env, s)
	if refusal != nil {
		return refusal
	}
	defer ss.close()
	ss.keys.Close()
	ss.keys, ss.signIn = auth.Only(key, "what was typed"), nil
	ss.keys.Redactor = env.redactor
	l, err := ss.connect(ctx, "")
	if err != nil {
		return err
	}
	defer l.end()
	if ss.status.Report().Upstream == "rest" { // which opens its session without asking LeadMagic
		client := ss.apiClient()
		defer client.CloseIdleConnections()
		if _, err := rest.Credits(ctx, client, ss.settings.api.String()); err != nil {
			if p := problem.As(err); p != nil {
				return ss.describe(p, "")
			}
			return err
		}
	}
	return nil
}

// connect is an MCP client's end of ss. protocol is the version to ask for, empty for the newest.
func (ss *session) connect(ctx context.Context, protocol string) (*local, error) {
	in, toProxy := io.Pipe()
	fromProxy, out := io.Pipe()
	ctx, stop := context.WithCancel(ctx)
	l := &local{session: ss, ended: make(chan struct{}), stop: stop}
	go func() {
		defer close(l.ended)
		err := ss.run(ctx, in, out)
		_ = in.CloseWithError(err)
		_ = out.CloseWithError(err)
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "leadmagic-mcp-proxy", Version: ss.env.Version}, nil)
	var err error
	l.ClientSession, err = client.Connect(ctx, &mcp.IOTransport{Reader: fromProxy, Writer: toProxy, MaxLineLength: -1},
		&mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		stop()
		<-l.ended
		return nil, err
	}
	// A session that had to explain itself is one that did not come about, for who types a command. That one can
	// wait longer than an editor for LeadMagic, or for the reason.
	if ss.status.Report().Problem != nil {
		waiting, cancel := context.WithTimeout(ctx, patience)
		ss.status.Wait(waiting)
		cancel()
	}
	if p := ss.status.Report().Problem; p != nil {
		l.end()
		return nil, ss.describe(p, "")
	}
	return l, nil
}

// close ends the session in order: LeadMagic is told, and nothing is left running.
func (l *local) close() {
	l.end()
	l.session.close()
}

// end is close, except for what other sessions of the same settings may still use.
func (l *local) end() {
	_ = l.ClientSession.Close()
	<-l.ended
	l.stop()
}

// tools are all tools of the session.
func (l *local) tools(ctx context.Context) ([]*mcp.Tool, error) {
	list := []*mcp.Tool{}
	for tool, err := range l.Tools(ctx, nil) {
		if err != nil {
			return nil, said(err)
		}
		list = append(list, tool)
	}
	return list, nil
}

// said is err as the session said it, without the SDK's words around it.
func said(err error) error {
	if own, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return own
	}
	return err
}
