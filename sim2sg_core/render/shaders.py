"""GLSL sources. Every variant is specialised by #define: software rasterisers pay for both sides of a branch."""

from __future__ import annotations

HEADER = """#version 430 core
#define OPAQUE 1
#define THIN 2
#define MASSIVE 3
"""

VERTEX = """
struct Look { vec4 color_rough; vec4 surface; vec4 texture; };
layout(std430, binding = 0) readonly buffer Looks { Look looks[]; };
uniform mat4 u_clip;
in vec3 in_position; in vec3 in_normal; in int in_slot;
in vec4 in_row0; in vec4 in_row1; in vec4 in_row2;
in vec4 in_size; in vec4 in_extra;
out vec3 v_world; out vec3 v_normal; out vec3 v_local;
#if TEXTURED
out vec3 v_local_normal;
#endif
#if IMPORTED
in vec4 in_tint;
out vec3 v_tint;
#endif
#if PICTURED
in vec2 in_uv;
out vec2 v_uv;
#endif
flat out vec4 v_color_rough; flat out vec4 v_surface; flat out vec4 v_texture; flat out int v_id;
void main() {
  vec4 p = vec4(in_position, 1.0);
  v_world = vec3(dot(in_row0, p), dot(in_row1, p), dot(in_row2, p));
  vec3 n = in_normal / in_size.xyz;
#if TEXTURED
  v_local_normal = n;
#endif
  n /= in_size.xyz;  // the rows hold rotation times size: undo the size, then divide by it
  v_normal = vec3(dot(in_row0.xyz, n), dot(in_row1.xyz, n), dot(in_row2.xyz, n));
  v_local = in_position * in_size.xyz;
  Look look = looks[int(in_size.w) + in_slot];
  v_color_rough = look.color_rough; v_surface = look.surface; v_texture = look.texture;
#if IMPORTED
  v_tint = in_tint.rgb * in_tint.rgb;
#endif
#if PICTURED
  v_uv = in_uv;
#endif
  v_id = int(in_extra.x);
  gl_Position = u_clip * vec4(v_world, 1.0);
  gl_Position.z -= in_extra.y * gl_Position.w;
#if PARTS  // Beyond the far plane with the parts that another pass draws.
  int kind = look.surface.w < 0.0 ? MASSIVE : look.surface.w < 1.0 ? THIN : OPAQUE;
  if (kind != PARTS) gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
#endif
}
"""

SHADOW_VERTEX = """
#if PARTS || DAPPLED
struct Look { vec4 color_rough; vec4 surface; vec4 texture; };
layout(std430, binding = 0) readonly buffer Looks { Look looks[]; };
in int in_slot; in vec4 in_size;
#endif
#if DAPPLED
flat out float v_leafy;
#endif
uniform mat4 u_clip;
in vec3 in_position; in vec4 in_row0; in vec4 in_row1; in vec4 in_row2;
void main() {
  vec4 p = vec4(in_position, 1.0);
  gl_Position = u_clip * vec4(dot(in_row0, p), dot(in_row1, p), dot(in_row2, p), 1.0);
#if PARTS  // What is translucent casts no shadow.
  if (looks[int(in_size.w) + in_slot].surface.w < 1.0) gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
#endif
#if DAPPLED
  v_leafy = looks[int(in_size.w) + in_slot].surface.w;
#endif
}
"""

SHADOW_FRAGMENT = """
#if DAPPLED
flat in float v_leafy; uniform float u_texel;
// Sun comes through crowns in spots, a half to one metre wide, the same ones through all layers of leaves.
void main() {
  vec2 p = gl_FragCoord.xy * u_texel;
  float gap = sin(5.1 * p.x + 2.0 * sin(2.9 * p.y)) + sin(5.7 * p.y + 2.0 * sin(2.3 * p.x));
  if (v_leafy > 1.5 && gap > 0.8) discard;
}
#else
void main() {}
#endif
"""

ALONE_VERTEX = """
uniform mat4 u_clip; uniform vec2 u_tile;
in vec3 in_position; in vec4 in_row0; in vec4 in_row1; in vec4 in_row2; in vec4 in_extra; in vec4 in_tile;
out float gl_ClipDistance[4];
void main() {
  vec4 p = vec4(in_position, 1.0);
  vec4 clip = u_clip * vec4(dot(in_row0, p), dot(in_row1, p), dot(in_row2, p), 1.0);
  clip.xy = clip.xy * in_tile.xz + clip.w * in_tile.yw;  // the tile spans [-1, 1]
  gl_ClipDistance[0] = clip.w - clip.x; gl_ClipDistance[1] = clip.w + clip.x;
  gl_ClipDistance[2] = clip.w - clip.y; gl_ClipDistance[3] = clip.w + clip.y;
  clip.xy = clip.xy * u_tile + clip.w * (in_extra.zw * 2.0 * u_tile + u_tile - 1.0);
  gl_Position = clip;
}
"""

ALONE_FRAGMENT = """
layout(location = 0) out float out_cover;
void main() { out_cover = 1.0; }
"""

LABEL_FRAGMENT = """
flat in int v_id;
layout(location = 0) out vec4 out_color;
layout(location = 1) out uint out_id;
void main() { out_color = vec4(0.0); out_id = uint(v_id); }
"""

# Shared by the shaders of objects, ground and sky.
SKY = """
uniform vec3 u_zenith; uniform vec3 u_horizon; uniform vec3 u_floor;
vec3 sky_gradient(float up) {
  float t = 1.0 - clamp(up, 0.0, 1.0);
  return mix(u_zenith, u_horizon, t * t * t);
}
"""

LIGHTING = """
uniform vec3 u_eye;
#if LIGHTS > 0
uniform vec4 u_light_position[LIGHTS]; uniform vec4 u_light_color[LIGHTS]; uniform float u_light_reach[LIGHTS];
#endif
#if SHADOWS > 0
uniform sampler2DShadow u_shadow; uniform mat4 u_shadow_matrix[SHADOWS]; uniform vec3 u_shadow_step[SHADOWS];
// Eight taps on a disc, each already bilinear over four texels.
const vec2 DISC[8] = vec2[8](vec2(-0.326, -0.906), vec2(-0.840, -0.274), vec2(-0.696, 0.557), vec2(-0.103, 0.221),
                             vec2(0.462, -0.271), vec2(0.285, 0.893), vec2(0.896, 0.412), vec2(0.619, -0.767));
float shadow(int i, vec3 world) {
  vec4 q = u_shadow_matrix[i] * vec4(world, 1.0);
  vec3 s = q.xyz / q.w;
  vec2 off = abs(s.xy - 0.5);
  s.z = max(off.x, off.y) < 0.49 ? min(s.z, 1.0) : 0.0;  // Beyond the map all is lit.
  s.x = (clamp(s.x, 0.01, 0.99) + float(i)) / float(SHADOWS);  // The maps lie side by side.
  float sum = 0.0;
  for (int k = 0; k < TAPS; ++k) sum += texture(u_shadow, vec3(s.xy + DISC[k] * u_shadow_step[i].xy, s.z));
  return sum * (1.0 / float(TAPS));
}
#endif
uniform vec3 u_ambient_up; uniform vec3 u_ambient_down; uniform float u_exposure;
#if FOG
uniform vec4 u_fog;
#endif

// Haze and encoding of a colour that hides `cover` of what is behind it.
vec3 finish(vec3 color, float range, float cover) {
#if FOG
  color = mix(u_fog.rgb * cover, color, exp(-u_fog.a * range));
#endif
  color *= u_exposure;
  color = min(color, vec3(2.35));  // the shoulder's summit, beyond white: further on it would grow dark again
  color = color / (1.0 + 0.18 * color * color);  // a soft shoulder; leaves mid tones alone
  return sqrt(color);
}
"""

FRAGMENT = """
uniform sampler2DArray u_textures; uniform float u_pixel; uniform float u_occlusion;
#if ENVIRONMENT
uniform sampler2D u_environment;
// What is mirrored from the direction D, blurred as by this roughness: see environment.py.
vec3 surroundings(vec3 D, float rough) {
  D /= abs(D.x) + abs(D.y) + abs(D.z);
  vec2 at = D.z >= 0.0 ? D.xy : (1.0 - abs(D.yx)) * vec2(D.x < 0.0 ? -1.0 : 1.0, D.y < 0.0 ? -1.0 : 1.0);
  vec3 root = textureLod(u_environment, at * 0.5 + 0.5, rough * (9.0 - 4.0 * rough)).rgb;
  return 4.0 * root * root;
}
#endif
#if PARTS == THIN
uniform float u_side;  // -1 draws the far sides
#endif
#if CONTACT
uniform sampler2D u_contact; uniform vec4 u_contact_rect; uniform float u_floors_below;
#endif
#if RAISED
uniform sampler2D u_raised; uniform vec4 u_raised_rect;
#endif
in vec3 v_world; in vec3 v_normal; in vec3 v_local;
#if TEXTURED
in vec3 v_local_normal;
#endif
#if IMPORTED
in vec3 v_tint;
#endif
#if PICTURED
uniform sampler2DArray u_pictures;
in vec2 v_uv;
#endif
flat in vec4 v_color_rough; flat in vec4 v_surface; flat in vec4 v_texture; flat in int v_id;
layout(location = 0) out vec4 out_color;
layout(location = 1) out uint out_id;
#if PARTS == MASSIVE
uniform sampler2D u_behind; uniform mat4 u_clip;
// What is seen through a massive part along D, encoded. It is taken for a glass ball with the normal N where the ray
// enters: by Snell's law the ray is bent there and, as much again, where it leaves. What it then meets is on the plane
// that the part stands on, or so far away that the way from the part does not matter; its colour is that of the opaque
// picture there, or of the surroundings where that is behind the eye.
vec3 behind(vec3 D, vec3 N) {
  const float INDEX = 1.45, FAR = 3.0;
  vec3 inside = refract(D, N, 1.0 / INDEX);
  vec3 leaving = refract(inside, 2.0 * dot(N, inside) * inside - N, INDEX);
  float way = leaving.z < 0.0 ? min(v_local.z / max(-leaving.z, 1e-4), FAR) : FAR;
  vec4 clip = u_clip * vec4(v_world + leaving * way, 1.0);
  if (clip.w < 0.05) return finish(leaving.z < 0.0 ? u_floor : sky_gradient(leaving.z), 0.0, 1.0);
  return textureLod(u_behind, clamp(clip.xy / clip.w * 0.5 + 0.5, 0.0, 1.0), 0.0).rgb;
}
#endif
void main() {
#if PICTURED  // First: the level of detail follows from the neighbours, which may not be discarded yet.
  vec3 shown = texture(u_pictures, vec3(v_uv, -1.0 - v_texture.x)).rgb;
#endif
  vec3 to_eye = u_eye - v_world;
  float range = length(to_eye);
  vec3 V = to_eye / range, N = normalize(v_normal);
#if PARTS == THIN
  N *= u_side;
#endif
  float rough = v_color_rough.a, specular = v_surface.x, metal = v_surface.y, emissive = v_surface.z;
#if TEXTURED
  vec3 a = abs(v_local_normal);
  vec3 q = v_local;
  vec2 uv = (a.z >= a.x && a.z >= a.y) ? q.xy : (a.x > a.y ? q.yz : q.xz);
  float lod = log2(range * u_pixel * v_texture.y);
  vec4 texel = textureLod(u_textures, vec3(uv * v_texture.y, v_texture.x), lod);
#if CUTOUT
  // Leaves: full of gaps where the crown is seen edge-on, closed where it faces the eye and far away.
#if ENVIRONMENT
  const float RAGGED = 0.75;
#else
  const float RAGGED = 0.6;
#endif
  if (v_surface.w > 1.5 && texel.a < RAGGED - 1.3 * abs(dot(N, V)) - 0.1 * max(lod, 0.0)) discard;
#endif
  vec3 tile = 2.0 * texel.rgb;
#if CUTOUT && ENVIRONMENT
  // Outdoors, leaves before the eye lie in the shade of others or in the sun, in clumps: see the light below.
  float bare = v_surface.w > 1.5 ? smoothstep(0.25, 0.75, texel.a) : 1.0;
#endif
  vec3 albedo = v_color_rough.rgb * mix(vec3(1.0), tile * tile, v_texture.z);
#else
  vec3 albedo = v_color_rough.rgb;
#endif
#if IMPORTED
  albedo *= v_tint;
#endif
#if PICTURED
  albedo *= v_texture.x < 0.0 ? shown * shown : vec3(1.0);
#endif
  float up = 0.5 + 0.5 * N.z;
  float low = exp2(-3.0 * v_local.z / v_texture.w);  // 1 at the base: less sky is seen there
  float open = 1.0 - u_occlusion * low * (1.0 - 0.7 * up);
  float contact = 1.0;
#if CONTACT
  if (N.z > 0.9 && v_world.z < u_floors_below)  // A road or a rug: as the ground.
    contact = texture(u_contact, (v_world.xy - u_contact_rect.xy) * u_contact_rect.zw).r;
#endif
#if RAISED
  if (N.z > 0.9) {  // The top of something: what stands just on it takes its light.
    vec2 raised = texture(u_raised, (v_world.xy - u_raised_rect.xy) * u_raised_rect.zw).rg;
    contact *= mix(raised.x, 1.0, smoothstep(0.001, 0.003, abs(v_world.z - raised.y)));
  }
#endif
  open *= contact;
  vec3 diffuse = mix(u_ambient_down, u_ambient_up, up) * open;
  vec3 F0 = mix(vec3(0.08 * specular), albedo, metal);
  float ndv = max(dot(N, V), 0.0);
  vec3 gloss = vec3(0.0);
#if LIGHTS > 0
  float alpha = rough * rough;
  for (int i = 0; i < LIGHTS; ++i) {
    vec3 l = u_light_position[i].xyz - v_world * u_light_position[i].w;
    float inverse = inversesqrt(dot(l, l));
    vec3 L = l * inverse;
    float ndl = dot(N, L);
    float falloff = u_light_position[i].w > 0.5 ? u_light_reach[i] * inverse * inverse : 1.0;
    float lit = clamp(ndl, 0.0, 1.0) * falloff * (0.6 + 0.4 * contact);
#if SHADOWS > 0
#if IMPORTED  // Sheets cast on both sides: from farther above, they do not shade themselves.
    if (i < SHADOWS) lit *= shadow(i, v_world + N * (2.5 * u_shadow_step[i].z));
#else
    if (i < SHADOWS) lit *= shadow(i, v_world + N * u_shadow_step[i].z);
#endif
#endif
#if TEXTURED && CUTOUT && ENVIRONMENT
    lit *= 1.7 * bare;
#endif
    vec3 light = u_light_color[i].rgb * lit;
    diffuse += light;
    vec3 H = normalize(L + V);
    float wide = min(alpha + u_light_color[i].a * (u_light_position[i].w > 0.5 ? inverse : 1.0), 1.0);
    float ndh = max(dot(N, H), 0.0), ldh = max(dot(L, H), 0.1);
    float a2 = wide * wide, d = ndh * ndh * (a2 - 1.0) + 1.0;
    // Lobe of Trowbridge and Reitz with the visibility approximated by a rational of l·h.
    gloss += light * (alpha * alpha / (d * d * ldh * ldh * (4.0 * rough + 2.0)) * mix(1.0, alpha / wide, 0.5));
  }
#endif
  vec3 R = reflect(-V, N);
  float blur = 0.03 + 0.8 * rough * rough;
  float above = smoothstep(-blur, blur, R.z);
#if ENVIRONMENT
  // Things of one street do not mirror quite the same: shift the view a little, by the id.
  vec3 mirror = surroundings(R + vec3(float(v_id & 7) * 0.06 - 0.2, 0.0, 0.0), rough);
  mirror *= mix(open - 0.35 * low, 1.0, above);
#else
  vec3 mirror = mix(u_floor * (open - 0.35 * low), sky_gradient(R.z), above);
#endif
#if STUDIO
  // Soft boxes round the lamps, and a darker wall where the floor ends: what a studio's chrome shows.
  mirror *= mix(1.0, 0.6, above * (1.0 - smoothstep(0.0, 0.25, R.z)));
  for (int i = 0; i < LIGHTS; ++i) {
    vec3 L = normalize(u_light_position[i].xyz - v_world * u_light_position[i].w);
    vec3 side = normalize(cross(L, vec3(0.0, 0.0, 1.0)));
    float size = 2.2 * u_light_color[i].a * inversesqrt(dot(u_light_position[i].xyz, u_light_position[i].xyz));
    float facing = dot(R, L);
    vec2 off = abs(vec2(dot(R, side), dot(R, cross(side, L)))) / max(size, 0.05);
    float box = facing > 0.0 ? (1.0 - smoothstep(1.0 - blur, 1.0 + 4.0 * blur, max(off.x, off.y))) : 0.0;
    mirror += u_light_color[i].rgb * box * 1.6;
  }
#endif
  float grazing = 1.0 - ndv;
  float fresnel = grazing * grazing; fresnel *= fresnel * grazing;
  vec3 F = F0 + (1.0 - F0) * (fresnel * (1.0 - rough) * (metal > 0.5 ? 0.3 : min(1.0, 2.5 * specular)));
#if PARTS == THIN || PARTS == MASSIVE
  float opacity = PARTS == MASSIVE ? v_surface.w + 2.0 : v_surface.w;
  float cover = mix(opacity, 1.0, fresnel);  // Schlick: the more grazing, the less is seen through it.
  albedo *= cover;
#else
  const float cover = 1.0;
#endif
  vec3 color = albedo * (1.0 - metal) * diffuse + F0 * gloss + F * mirror * (1.0 - 0.65 * rough * (1.0 - metal));
  color += albedo * emissive;
  out_color = vec4(finish(color, range, cover), 1.0);
#if PARTS == MASSIVE
  vec3 seen = behind(-V, ndv > 0.01 ? N : normalize(N + (0.01 - dot(N, V)) * V));
  out_color.rgb = sqrt(out_color.rgb * out_color.rgb + (1.0 - cover) * v_color_rough.rgb * seen * seen);
#elif PARTS == THIN
  // Light adds up before the encoding and blending comes after it. This weight makes sqrt(own² + (1 - cover) behind²)
  // of own + (1 - alpha) behind, exactly so before black and before white.
  float own = dot(out_color.rgb, out_color.rgb) / 3.0;
  out_color.a = 1.0 - (sqrt(1.0 - cover + own) - sqrt(own));
#endif
  out_id = uint(v_id);
}
"""

GROUND_VERTEX = """
uniform mat4 u_clip; uniform vec4 u_plane;  // half extent, height, centre
in vec2 in_corner;
out vec3 v_world;
void main() {
  v_world = vec3(in_corner * u_plane.x + u_plane.zw, u_plane.y);
  gl_Position = u_clip * vec4(v_world, 1.0);
}
"""

GROUND_FRAGMENT = """
uniform sampler2DArray u_textures; uniform float u_pixel;
uniform sampler2D u_contact; uniform vec4 u_contact_rect;
uniform vec4 u_ground_color; uniform vec4 u_ground_surface; uniform vec4 u_ground_texture;
in vec3 v_world;
layout(location = 0) out vec4 out_color;
layout(location = 1) out uint out_id;
void main() {
  vec3 V = u_eye - v_world;
  float near = inversesqrt(dot(V, V)), range = 1.0 / near;
  V *= near;
#if TEXTURED
  float lod = log2(range * u_pixel * u_ground_texture.y);
  vec3 tile = 2.0 * textureLod(u_textures, vec3(v_world.xy * u_ground_texture.y, u_ground_texture.x), lod).rgb;
  vec2 far = vec2(v_world.x * 0.83 + v_world.y * 0.55, v_world.y * 0.83 - v_world.x * 0.55) * u_ground_texture.y * 0.23;
  vec3 broad = 2.0 * textureLod(u_textures, vec3(far, u_ground_texture.w), lod - 2.0).rgb;
  vec3 albedo = u_ground_color.rgb * mix(vec3(1.0), tile * tile * mix(vec3(1.0), broad, 0.5), u_ground_texture.z);
#else
  vec3 albedo = u_ground_color.rgb;
#endif
#if CONTACT
  float open = texture(u_contact, (v_world.xy - u_contact_rect.xy) * u_contact_rect.zw).r;
#else
  const float open = 1.0;
#endif
  vec3 diffuse = u_ambient_up * open, shine = vec3(0.0);
#if LIGHTS > 0
  float alpha = u_ground_color.a * u_ground_color.a, soft = 0.08 * u_ground_surface.x / (4.0 * u_ground_color.a + 2.0);
  for (int i = 0; i < LIGHTS; ++i) {
    vec3 L = u_light_position[i].xyz - v_world * u_light_position[i].w;
    float inverse = inversesqrt(dot(L, L));
    L *= inverse;
    bool lamp = u_light_position[i].w > 0.5;
    float lit = max(L.z, 0.0) * (lamp ? u_light_reach[i] * inverse * inverse : 1.0) * (0.6 + 0.4 * open);
#if SHADOWS > 0
    if (i < SHADOWS) lit *= shadow(i, v_world);
#endif
    diffuse += u_light_color[i].rgb * lit;
#if SHINE
    vec3 H = L + V;
    float wide = min(alpha + 0.5 * u_light_color[i].a * (lamp ? inverse : 1.0), 1.0);
    float a2 = wide * wide, d = H.z * H.z / dot(H, H) * (a2 - 1.0) + 1.0;
    shine += u_light_color[i].rgb * (lit * soft * a2 / (d * d));
#endif
  }
#endif
  vec3 color = albedo * diffuse + shine;
  out_color = vec4(finish(color, range, 1.0), 1.0);
  out_id = 0u;
}
"""

SKY_VERTEX = """
uniform mat4 u_unclip;
in vec2 in_corner;
out vec3 v_direction;
void main() {
  vec4 far = u_unclip * vec4(in_corner, 1.0, 1.0);
  v_direction = far.xyz / far.w;  // from the eye: the matrix has no translation
  gl_Position = vec4(in_corner, 1.0, 1.0);
}
"""

SKY_FRAGMENT = """
uniform sampler2DArray u_textures;
uniform vec4 u_cloud; uniform vec4 u_sun; uniform vec3 u_sun_color; uniform float u_offset;
in vec3 v_direction;
layout(location = 0) out vec4 out_color;
layout(location = 1) out uint out_id;
void main() {
  vec3 D = normalize(v_direction);
  vec3 color = sky_gradient(D.z);
#if CLOUDS
  vec2 uv = D.xy / (abs(D.z) + 0.12) * 0.16 + u_offset;
  float density = texture(u_textures, vec3(uv, 0.0)).r + 0.5 * texture(u_textures, vec3(uv * 3.1 + 0.37, 0.0)).r - 0.25;
  float cover = smoothstep(0.95 - 0.95 * u_cloud.a, 1.25 - 0.85 * u_cloud.a, density);
  color = mix(color, u_cloud.rgb * (0.75 + 0.35 * (1.0 - density)), cover * smoothstep(-0.02, 0.18, D.z));
#endif
  float glow = max(dot(D, u_sun.xyz), 0.0);
  glow *= glow; glow *= glow; glow *= glow;
  color += u_sun_color * (u_sun.w * glow * glow);
#if FOG
  color = mix(color, u_fog.rgb, exp(-abs(D.z) * 14.0) * min(1.0, u_fog.a * 250.0));
#endif
  out_color = vec4(finish(color, 0.0, 1.0), 1.0);
  out_id = 0u;
}
"""
