"""The viewer and the operating point in a real browser: by keyboard, by mouse and by touch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from interface.read import intake
from scripts.serving import Server
from tests.browser.conftest import PATIENCE
from tests.browser.test_app import HEADLINE

pytestmark = pytest.mark.browser
UPLOADER = "input[type=file]"
OVERLAY = "The radiograph with the heatmap"
# All greys from 0 to 255 as the filter of an element shows them.
RAMP_THROUGH_FILTER = """image => {
  const [ramp, shown] = [0, 1].map(() => new OffscreenCanvas(256, 1).getContext("2d"));
  for (let grey = 0; grey < 256; grey++) {
    ramp.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
    ramp.fillRect(grey, 0, 1, 1);
  }
  shown.filter = getComputedStyle(image).filter;
  shown.drawImage(ramp.canvas, 0, 0);
  return [...shown.getImageData(0, 0, 256, 1).data].filter((_, place) => place % 4 === 0);
}"""


def read(page: Page, *files: Path, layout: str = "Side by side") -> tuple[Locator, Locator]:
    """Upload and wait; gives the boxes with the picture and with the heatmap."""
    page.locator(UPLOADER).first.set_input_files(list(files))
    page.get_by_alt_text(OVERLAY).first.wait_for()
    if layout:
        page.get_by_role("button", name=layout, exact=True).click()
    stages = page.get_by_role("application")
    return stages.first, stages.last


def adjust(page: Page) -> None:
    """Open what is seldom needed: what dragging does, brightness and contrast."""
    page.locator("summary", has_text="Adjust").click()


def zooms(page: Page) -> list[float]:
    """How much each of the pictures is enlarged."""
    transforms = page.locator(".layers").evaluate_all(
        "all => all.map(one => new DOMMatrix(getComputedStyle(one).transform).a)"
    )
    return [float(one) for one in transforms]


def light(page: Page) -> list[str]:
    """The filters of the grey pictures."""
    return page.locator(".layers > img:first-child").evaluate_all("all => all.map(one => getComputedStyle(one).filter)")


def test_zoom_by_keyboard_moves_both_and_asks_no_server(page: Page, dicom: Path) -> None:
    picture, heatmap = read(page, dicom)
    page.evaluate(
        "() => { window.sent = 0; const send = WebSocket.prototype.send;"
        " WebSocket.prototype.send = function (...all) { window.sent++; return send.apply(this, all); } }"
    )
    picture.focus()
    assert zooms(page) == [1, 1]
    for _ in range(3):
        picture.press("+")
    one, other = zooms(page)
    assert one == other == pytest.approx(1.25**3, rel=1e-3)
    expect(page.get_by_role("status", name="Zoom", exact=True)).to_have_text(re.compile("195"))
    before = heatmap.locator(".layers").get_attribute("style")
    picture.press("ArrowRight")
    assert heatmap.locator(".layers").get_attribute("style") != before
    picture.press("i")
    assert all("invert(1)" in one for one in light(page))
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    picture.press("0")
    assert zooms(page) == [1, 1] and not any("invert" in one for one in light(page))
    assert page.evaluate("window.sent") == 0


def test_window_and_opacity_by_keyboard(page: Page, dicom: Path) -> None:
    _, heatmap = read(page, dicom)
    plain = light(page)
    slider = page.get_by_role("slider", name="Opacity of the heatmap")
    slider.focus()
    slider.press("Home")
    expect(heatmap.locator("img").last).to_have_css("opacity", "0")
    preset = page.get_by_role("combobox", name="Window")
    preset.select_option("Lungs")
    lungs = light(page)
    assert lungs != plain
    preset.select_option("Bones")
    assert light(page) not in (plain, lungs)
    adjust(page)
    page.get_by_role("slider", name="Brightness").press("ArrowRight")
    expect(preset).to_have_value("custom")
    page.get_by_role("button", name="Reset").click()
    assert light(page) == plain
    expect(heatmap.locator("img").last).to_have_css("opacity", "0")


@pytest.mark.parametrize(
    ("brightness", "contrast", "low", "high"),
    [(0, 0, 0.0, 1.0), (40, 50, 0.05, 0.55), (-60, 50, 0.55, 1.05), (80, 0, -0.4, 0.6), (-40, -50, -0.3, 1.7)],
)
def test_the_filters_are_a_window(
    page: Page, dicom: Path, brightness: int, contrast: int, low: float, high: float
) -> None:
    """Greys from low to high are spread evenly over black to white, as VOI windows do it."""
    picture, _ = read(page, dicom)
    adjust(page)
    for name, value in (("Brightness", brightness), ("Contrast", contrast)):
        page.get_by_role("slider", name=name).fill(str(value))
    expected = [min(max((grey / 255 - low) / (high - low), 0), 1) * 255 for grey in range(256)]
    for inverted in (False, True):
        found = picture.locator("img").first.evaluate(RAMP_THROUGH_FILTER)
        if inverted:
            found = [255 - one for one in found]
        # Browsers may round to whole greys between one filter and the next, which then enlarges what was rounded.
        assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) < 4
        page.get_by_role("button", name="Invert").click()


def test_mouse_and_wheel(page: Page, dicom: Path) -> None:
    _, heatmap = read(page, dicom)
    heatmap.scroll_into_view_if_needed()
    box = heatmap.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.get_by_role("status", name="Zoom", exact=True)).to_have_text(re.compile("200"))
    plain, before = light(page), heatmap.locator(".layers").get_attribute("style")
    page.mouse.down()
    page.mouse.move(x - 30, y - 20, steps=3)
    page.mouse.up()
    assert heatmap.locator(".layers").get_attribute("style") != before and light(page) == plain
    adjust(page)
    page.get_by_role("button", name="Window", exact=True).click()
    # A press elsewhere closes what was opened.
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y - 20, steps=3)
    page.mouse.up()
    assert light(page) != plain and zooms(page) == [2, 2]


def test_two_fingers_zoom_on_a_phone(chromium: Browser, server: Server, dicom: Path) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    phone = context.new_page()
    phone.goto(server.url)
    picture, heatmap = read(phone, dicom)
    boxes = [stage.bounding_box() for stage in (picture, heatmap)]
    assert boxes[0] and boxes[1] and boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"], "not one below the other"
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand = context.new_cdp_session(phone)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", 0)):
        fingers = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}] if apart else []
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    expect(phone.get_by_role("status", name="Zoom", exact=True)).not_to_have_text(re.compile("100"))
    one, other = zooms(phone)
    assert one == other > 1.5
    context.close()


def test_the_operating_point_changes_scores_bars_and_address(page: Page, dicom: Path) -> None:
    read(page, dicom)
    page.locator("summary", has_text="Details").click()
    page.get_by_text("(Sensitivity 90").wait_for()
    legend = page.get_by_text("Orange: the operating point")
    before = legend.inner_text()
    page.get_by_role("radio", name="Sensitivity 95").or_(page.get_by_role("button", name="Sensitivity 95")).click()
    page.get_by_text("(Sensitivity 95").wait_for()
    expect(legend).not_to_have_text(before)
    expect(page).to_have_url(re.compile("op=sensitivity_95"))
    # Who opens that address gets that operating point.
    page.reload()
    page.get_by_role("heading", name="What you get").wait_for()
    read(page, dicom)
    page.locator("summary", has_text="Details").click()
    page.get_by_text("(Sensitivity 95").wait_for()


def test_a_comparison_zooms_together_each_with_its_result(page: Page, dicom: Path, tmp_path: Path) -> None:
    second = tmp_path / "another_day.dcm"
    second.write_bytes(dicom.read_bytes())
    read(page, dicom, second, layout="")
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option").first.click()
    page.get_by_text(re.compile(r"another_day\.dcm: .+ \(.+ 0\.\d\d, .+\)")).wait_for()
    expect(page.get_by_role("cell", name="0.00")).to_have_count(3)  # the same file twice
    stage = page.get_by_role("application").first
    stage.focus()
    stage.press("+")
    assert zooms(page) == [pytest.approx(1.25)] * 2


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080), (390, 844)])
def test_picture_and_finding_are_seen_without_scrolling(
    chromium: Browser, server: Server, dicom: Path, width: int, height: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE)
    visitor = context.new_page()
    visitor.goto(server.url)
    read(visitor, dicom, layout="")
    expect(visitor.get_by_role("status").filter(has_text="Result: ")).to_have_count(1)
    expect(visitor.get_by_role("heading", name=HEADLINE)).to_be_in_viewport(ratio=1)
    expect(visitor.get_by_role("application").first).to_be_in_viewport(ratio=0.99)
    context.close()


def test_full_screen_is_the_presenter_s_mode(page: Page, dicom: Path, tmp_path: Path) -> None:
    second = tmp_path / "another_day.dcm"
    second.write_bytes(dicom.read_bytes())
    read(page, dicom, second, layout="")
    strip = page.get_by_role("group", name="Pictures in this session").get_by_role("button")
    expect(strip.first).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Full screen").click()
    finding = page.locator(".summary h2")
    expect(finding).to_be_visible()
    expect(page.locator(".score")).to_have_count(3)
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="COVID-19 pattern", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    expect(finding).to_be_hidden()
    expect(page.locator(".layers > img").last).to_have_css("opacity", "0")
    page.keyboard.press("h")
    expect(finding).to_be_visible()
    page.keyboard.press("PageDown")
    expect(strip.last).to_have_attribute("aria-pressed", "true")
    expect(finding).to_be_visible()


def test_all_classes_stand_side_by_side(page: Page, dicom: Path) -> None:
    read(page, dicom, layout="All classes")
    expect(page.get_by_role("application")).to_have_count(3)
    page.get_by_role("button", name="Lung outline").click()
    assert page.locator("path.line").evaluate_all("all => all.every((path) => path.getAttribute('d').includes('Q'))")


def test_a_file_over_the_limit_is_told_so_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.dcm"
    with large.open("wb") as file:
        file.truncate((intake.MOST_MEGABYTES + 2) * 1024 * 1024)
    page.locator(UPLOADER).first.set_input_files(large)
    alert = page.get_by_role("alert").filter(has_text=f"large.dcm has {intake.MOST_MEGABYTES + 2} MB")
    alert.wait_for()
    alert.get_by_role("link").click()
    page.get_by_role("heading", name="Batch", exact=True).wait_for()


def test_a_picture_can_be_pasted(page: Page) -> None:
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(64, 64);
          canvas.getContext("2d").fillRect(0, 0, 64, 64);
          const files = new DataTransfer();
          files.items.add(new File([await canvas.convertToBlob()], "pasted.png", { type: "image/png" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files, bubbles: true }));
        }"""
    )
    page.get_by_role("alert").filter(has_text="pasted.png was not read").wait_for()


def test_the_tour_frames_what_it_tells_of(page: Page, dicom: Path) -> None:
    read(page, dicom, layout="")
    page.get_by_role("button", name="Tour").click()
    tour = page.get_by_role("dialog")
    for title in ("Bring a radiograph", "Read the finding"):
        expect(tour.get_by_role("heading", name=title)).to_be_visible()
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Back").click()
    frame, part = page.locator(".frame").bounding_box(), page.locator(".st-key-finding").bounding_box()
    assert frame and part and abs(frame["x"] - part["x"]) < 10 and abs(frame["y"] - part["y"]) < 10
    page.keyboard.press("Escape")
    expect(tour).to_be_hidden()


def test_a_phone_s_menu_closes_after_a_tap(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    phone = context.new_page()
    phone.goto(server.url)
    phone.get_by_role("button", name="Try a sample radiograph").wait_for()
    phone.get_by_test_id("stExpandSidebarButton").click()
    phone.get_by_test_id("stSidebarNavLink").filter(has_text="About").click()
    phone.get_by_role("heading", name="About", exact=True).wait_for()
    expect(phone.get_by_test_id("stSidebarNavLink").first).not_to_be_in_viewport()
    context.close()
